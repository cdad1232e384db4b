//! A certificate authority for one test, and what it vouches for: servers and clients, right ones and wrong ones.
//!
//! ```
//! use spile_testkit::authority::Authority;
//!
//! let authority = Authority::new("a company");
//! let server = authority.server(&["localhost", "127.0.0.1"]);
//! assert!(server.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
//! ```
//!
//! # Panics
//! Where a certificate cannot be made, which would be a defect of the library that makes them.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// An authority that no machine trusts by itself.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

impl Authority {
    /// A fresh one of that name.
    pub fn new(name: &str) -> Self {
        let mut params = named(name, Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self(CertifiedIssuer::self_signed(params, key()).expect("an authority can be made"))
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// For a server of these names and addresses.
    pub fn server(&self, names: &[&str]) -> Issued {
        self.issue(&for_use(named("server", owned(names)), ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// As [`Authority::server`], and it ended in 2020.
    pub fn expired_server(&self, names: &[&str]) -> Issued {
        self.issue(&expired(for_use(named("server", owned(names)), ExtendedKeyUsagePurpose::ServerAuth)))
    }

    /// For a client of that name.
    pub fn client(&self, name: &str) -> Issued {
        self.issue(&for_use(named(name, Vec::new()), ExtendedKeyUsagePurpose::ClientAuth))
    }

    /// As [`Authority::client`], and it ended in 2020.
    pub fn expired_client(&self, name: &str) -> Issued {
        self.issue(&expired(for_use(named(name, Vec::new()), ExtendedKeyUsagePurpose::ClientAuth)))
    }

    fn issue(&self, params: &CertificateParams) -> Issued {
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("an authority can sign");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A server's certificate that is signed by itself and by nobody else.
pub fn self_signed(names: &[&str]) -> Issued {
    let key = key();
    let certificate = named("server", owned(names)).self_signed(&key).expect("a key can sign its own certificate");
    Issued { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn named(name: &str, names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("these names are valid");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn for_use(mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    params.extended_key_usages = vec![purpose];
    params
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
    params
}
