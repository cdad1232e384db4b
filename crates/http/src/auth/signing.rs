//! The signatures of JWTs, by ring.
//!
//! `jsonwebtoken` makes the tokens and leaves the cryptography to a provider. Those that it brings are a second TLS
//! library (`aws_lc_rs`) or an RSA whose timing tells of the key (RUSTSEC-2023-0071, `rust_crypto`); ring is in this
//! program anyway. Tokens are only made here and never checked, so this provider signs and does nothing else.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::{Algorithm, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use ring::{hmac, rsa};
use signature::Signer;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Chooses this provider for the whole process, which the library wants chosen once.
pub(super) fn choose_provider() {
    // It fails where it is chosen already.
    let _ = PROVIDER.install_default();
}

struct RingSigner {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Hmac(hmac::Key),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let bytes = key.as_bytes();
    let hmac = |hash| Ok(Key::Hmac(hmac::Key::new(hash, bytes)));
    let rsa = |padding| Ok(Key::Rsa(Box::new(rsa_key(bytes)?), padding));
    let key = match algorithm {
        Algorithm::HS256 => hmac(hmac::HMAC_SHA256),
        Algorithm::HS384 => hmac(hmac::HMAC_SHA384),
        Algorithm::HS512 => hmac(hmac::HMAC_SHA512),
        Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => rsa(&RSA_PSS_SHA256),
        Algorithm::PS384 => rsa(&RSA_PSS_SHA384),
        Algorithm::PS512 => rsa(&RSA_PSS_SHA512),
        Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &SystemRandom::new())
            .map(Key::Ecdsa)
            .map_err(|_| new_error(ErrorKind::InvalidEcdsaKey)),
        Algorithm::ES384 => EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, bytes, &SystemRandom::new())
            .map(Key::Ecdsa)
            .map_err(|_| new_error(ErrorKind::InvalidEcdsaKey)),
        // Keys of OpenSSL lack the public half, which ring would compare.
        Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
            .map(Key::Ed25519)
            .map_err(|_| new_error(ErrorKind::InvalidEddsaKey)),
        _ => Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    }?;
    Ok(Box::new(RingSigner { algorithm: *algorithm, key }))
}

/// A key in PKCS #8, or in the older form that is RSA's own.
fn rsa_key(der: &[u8]) -> Result<RsaKeyPair, Error> {
    let read = RsaKeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der));
    read.map_err(|error| new_error(ErrorKind::InvalidRsaKey(error.to_string())))
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let unsigned = |_| signature::Error::new();
        match &self.key {
            Key::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Key::Rsa(key, padding) => {
                let mut signed = vec![0; key.public().modulus_len()];
                key.sign(*padding, &SystemRandom::new(), message, &mut signed).map_err(unsigned)?;
                Ok(signed)
            }
            Key::Ecdsa(key) => {
                key.sign(&SystemRandom::new(), message).map(|signed| signed.as_ref().to_vec()).map_err(unsigned)
            }
            Key::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}
