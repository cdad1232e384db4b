//! Errors of TLS: of which kind they are, and how a person says them.

use rustls::{AlertDescription, CertificateError, Error};
use spile_model::FailureKind;

pub(super) fn kind(error: &Error) -> FailureKind {
    match error {
        Error::InvalidMessage(_) => FailureKind::NotTls,
        Error::AlertReceived(alert) if about_our_certificate(*alert).is_some() => FailureKind::ClientCertificate,
        _ => FailureKind::Tls,
    }
}

pub(super) fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the server speaks no version of TLS that is safe, or none that `source.tls.min_version` allows".to_owned()
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the server takes none of the safe ways to encrypt, or wants a client certificate (`source.tls`)".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => "the server does not know this name".to_owned(),
        Error::AlertReceived(alert) => {
            about_our_certificate(*alert).map_or_else(|| error.to_string(), ToOwned::to_owned)
        }
        Error::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        other => other.to_string(),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate is from an authority that this machine does not trust".to_owned()
        }
        CertificateError::Revoked => "its certificate has been revoked".to_owned(),
        other => format!("its certificate is refused ({other})"),
    }
}

/// What a server's alert (RFC 8446, 6.2) says of the certificate that we showed, or did not.
fn about_our_certificate(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "the server wants a client certificate, and none was shown"
        }
        AlertDescription::UnknownCA => "the server does not know the authority of the client certificate",
        AlertDescription::CertificateExpired => "the client certificate has expired, says the server",
        AlertDescription::CertificateRevoked => "the client certificate has been revoked, says the server",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => "the server refuses the client certificate",
        _ => return None,
    })
}
