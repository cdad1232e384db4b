//! What the plan says of TLS, put onto clients as they are built.
//!
//! Enters: files and texts in PEM. Leaves: builders that trust, show and speak what the plan says. Invariant: what is
//! not a certificate or key in PEM is an error that names its place in the pipeline file, and quotes nothing of it.

use std::fs::File;
use std::io::Read as _;

use reqwest::{Certificate, ClientBuilder, Identity, tls};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use spile_model::{ByteSize, Failure, FailureKind};
use spile_plan::{IdentityPlan, PemPlan, TlsPlan, TlsVersion};

/// A bundle with every public authority has less than a quarter of it.
const LARGEST_FILE: ByteSize = ByteSize::mib(4);

pub(super) struct Tls {
    authorities: Vec<Certificate>,
    trusts_system: bool,
    identity: Option<Identity>,
    oldest: tls::Version,
}

impl Tls {
    /// # Errors
    /// [`FailureKind::Configuration`], naming the part of `source.tls`.
    pub(super) fn prepare(plan: &TlsPlan) -> Result<Self, Failure> {
        let authorities = plan.authorities.as_ref().map(authorities).transpose()?;
        Ok(Self {
            authorities: authorities.unwrap_or_default(),
            trusts_system: plan.trusts_system,
            identity: plan.identity.as_ref().map(identity).transpose()?,
            oldest: match plan.oldest {
                TlsVersion::V1_2 => tls::Version::TLS_1_2,
                TlsVersion::V1_3 => tls::Version::TLS_1_3,
            },
        })
    }

    pub(super) fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// `builder` with all of it; with the client certificate only where it is to be shown.
    pub(super) fn onto(&self, builder: ClientBuilder, shows_identity: bool) -> ClientBuilder {
        let trusted = self.authorities.clone();
        let builder =
            if self.trusts_system { builder.tls_certs_merge(trusted) } else { builder.tls_certs_only(trusted) };
        let builder = builder.tls_version_min(self.oldest);
        match &self.identity {
            Some(identity) if shows_identity => builder.identity(identity.clone()),
            _ => builder,
        }
    }
}

/// A client cannot be built with what the plan says, or not on this machine.
pub(super) fn unusable(tls: &Tls, error: reqwest::Error) -> Failure {
    let message = if tls.has_identity() {
        "`tls.client_certificate` and `tls.client_key` cannot be used: do they belong together?"
    } else if tls.authorities.is_empty() {
        "TLS cannot be set up on this machine; are its trusted authorities installed (ca-certificates)?"
    } else {
        "TLS cannot be set up with the authorities of `tls.ca`"
    };
    let kind = if tls.has_identity() { FailureKind::Configuration } else { FailureKind::Tls };
    Failure::new(kind, message).caused_by(error.without_url())
}

fn authorities(pem: &PemPlan) -> Result<Vec<Certificate>, Failure> {
    let text = sections("ca", pem, CERTIFICATE)?;
    let found = Certificate::from_pem_bundle(text.as_bytes());
    found.map_err(|_| wrong("ca", "has a certificate that cannot be read"))
}

fn identity(plan: &IdentityPlan) -> Result<Identity, Failure> {
    let certificate = sections("client_certificate", &plan.certificate, CERTIFICATE)?;
    let key = sections("client_key", &plan.key, PRIVATE_KEY)?;
    if key.contains("ENCRYPTED") {
        let how = "is protected by a passphrase; `openssl pkey -in FILE -out PLAIN_FILE` writes it without";
        return Err(wrong("client_key", how));
    }
    PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| wrong("client_key", "cannot be read"))?;
    let both = format!("{certificate}{key}");
    Identity::from_pem(both.as_bytes()).map_err(|_| wrong("client_certificate", "cannot be read"))
}

/// How a section of PEM is called, and its name for people.
type Kind = (&'static str, &'static str);

const CERTIFICATE: Kind = ("CERTIFICATE", "certificate");
const PRIVATE_KEY: Kind = ("PRIVATE KEY", "private key");

/// Those sections of a text in PEM whose label ends so. Others (parameters, keys beside certificates) are passed over.
fn sections(key: &str, pem: &PemPlan, (label, words): Kind) -> Result<String, Failure> {
    let text = text(key, pem)?;
    let mut found = String::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        inside |= line.starts_with("-----BEGIN ") && line.ends_with(&format!("{label}-----"));
        if inside {
            found.push_str(line);
            found.push('\n');
        }
        inside &= !line.starts_with("-----END ");
    }
    if found.is_empty() {
        let how = format!("holds no {words} in PEM (`-----BEGIN {label}-----`); `openssl` turns other forms into it");
        return Err(wrong(key, &how));
    }
    Ok(found)
}

fn text(key: &str, pem: &PemPlan) -> Result<String, Failure> {
    let file = match pem {
        // As an environment variable may hold it.
        PemPlan::Text(text) => return Ok(text.expose().replace("\\n", "\n")),
        PemPlan::File(file) => file,
    };
    let mut text = Vec::new();
    let unreadable = |error| {
        let message = format!("`tls.{key}`: {} cannot be read", file.display());
        Failure::new(FailureKind::Configuration, message).caused_by(error)
    };
    let mut opened = File::open(file).map_err(unreadable)?.take(LARGEST_FILE.0 + 1);
    opened.read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST_FILE.0 {
        return Err(wrong(key, &format!("names a file of more than {LARGEST_FILE}, and no such file is larger")));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn wrong(key: &str, how: &str) -> Failure {
    Failure::new(FailureKind::Configuration, format!("`tls.{key}` {how}"))
}
