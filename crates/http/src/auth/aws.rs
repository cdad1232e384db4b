//! AWS Signature Version 4: every request signed, with the time and all of its body.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use http::header::{CONTENT_TYPE, RANGE};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use spile_expression::Scope;
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::AwsPlan;

use super::credential;
use crate::headers;

/// The service that takes paths as they are written, and wants the body's hash in a header.
const S3: &str = "s3";

/// Another one that wants the hash.
const OPENSEARCH_SERVERLESS: &str = "aoss";

pub(crate) struct Aws {
    access_key: Secret,
    secret_key: Secret,
    session_token: Option<Secret>,
    region: String,
    service: String,
}

impl Aws {
    pub(super) fn prepare(plan: &AwsPlan, scope: &Scope) -> Result<Self, Failure> {
        let session_token = plan.session_token.as_ref();
        Ok(Self {
            access_key: credential("aws.access_key_id", &plan.access_key_id, scope)?,
            secret_key: credential("aws.secret_access_key", &plan.secret_access_key, scope)?,
            session_token: session_token.map(|token| credential("aws.session_token", token, scope)).transpose()?,
            region: plan.region.clone(),
            service: plan.service.clone(),
        })
    }

    /// Signs `request` as it is: nothing of it may change afterwards.
    pub(super) fn authorise(&self, request: &mut reqwest::Request, now: Timestamp) -> Result<(), Failure> {
        write_spaces_as_aws_reads_them(request);
        let added = self.sign(request, now)?;
        for (name, value) in added {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        [self.secret_key.clone()].into_iter().chain(self.session_token.clone()).collect()
    }

    fn sign(&self, request: &reqwest::Request, now: Timestamp) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        let credentials = Credentials::new(self.access_key.expose(), self.secret_key.expose(), token, None, "spile");
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(SystemTime::from(now))
            .settings(self.settings())
            .build()
            .map_err(|_| unsigned())?
            .into();
        // Only what nobody on the way changes; the library adds the host.
        let is_signed =
            |name: &HeaderName| *name == CONTENT_TYPE || *name == RANGE || name.as_str().starts_with("x-amz-");
        let headers = request.headers().iter().filter(|(name, _)| is_signed(name));
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let (method, url) = (request.method().as_str(), request.url().as_str());
        let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(body)).map_err(|_| unsigned())?;
        let (instructions, _) = sign(signable, &parameters).map_err(|_| unsigned())?.into_parts();
        instructions.headers().map(header).collect()
    }

    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self.service == S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        if matches!(self.service.as_str(), S3 | OPENSEARCH_SERVERLESS) {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}

/// In a query that is written as a form, `+` is a space; to AWS it is a plus.
fn write_spaces_as_aws_reads_them(request: &mut reqwest::Request) {
    if let Some(query) =
        request.url().query().filter(|query| query.contains('+')).map(|query| query.replace('+', "%20"))
    {
        request.url_mut().set_query(Some(&query));
    }
}

fn header((name, value): (&str, &str)) -> Result<(HeaderName, HeaderValue), Failure> {
    let name = HeaderName::try_from(name).map_err(|_| unsigned())?;
    let value = headers::secret(value).ok_or_else(unsigned)?;
    Ok((name, value))
}

fn unsigned() -> Failure {
    Failure::new(
        FailureKind::Configuration,
        "`auth.aws` cannot sign the request: is a header or a part of the key odd?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use http::header::AUTHORIZATION;
    use reqwest::Url;
    use spile_testkit::plan::template;

    /// The signature of a request with the keys of AWS's own examples.
    fn signature(service: &str, key: (&str, &str), at: &str, url: &str) -> (String, reqwest::Request) {
        let plan = AwsPlan {
            access_key_id: template(key.0),
            secret_access_key: template(key.1),
            session_token: None,
            region: "us-east-1".to_owned(),
            service: service.to_owned(),
        };
        let mut request = reqwest::Request::new(Method::GET, Url::parse(url).unwrap());
        request.headers_mut().insert("x-own", HeaderValue::from_static("is not signed"));
        Aws::prepare(&plan, &Scope::default()).unwrap().authorise(&mut request, at.parse().unwrap()).unwrap();
        let authorization = &request.headers()[AUTHORIZATION];
        assert!(authorization.is_sensitive());
        let (_, signature) = authorization.to_str().unwrap().split_once("Signature=").unwrap();
        (signature.to_owned(), request)
    }

    #[test]
    fn the_examples_of_aws_are_signed_as_aws_signs_them() {
        let suite = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let of_s3 = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let (suite_at, s3_at) = ("2015-08-30T12:36:00Z", "2013-05-24T00:00:00Z");
        let bucket = "https://examplebucket.s3.amazonaws.com/";
        for (service, key, at, url, expected) in [
            // `get-vanilla` of the test suite.
            (
                "service",
                suite,
                suite_at,
                "https://example.amazonaws.com/".to_owned(),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            // "GET Bucket Lifecycle" and "GET Bucket (List Objects)" of the S3 manual.
            (
                "s3",
                of_s3,
                s3_at,
                format!("{bucket}?lifecycle"),
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "s3",
                of_s3,
                s3_at,
                format!("{bucket}?max-keys=2&prefix=J"),
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            assert_eq!(signature(service, key, at, &url).0, expected, "{url}");
        }
    }

    #[test]
    fn a_space_in_the_query_is_sent_as_it_is_signed() {
        let key = ("AKIDEXAMPLE", "secret");
        let (form, request) = signature("service", key, "2015-08-30T12:36:00Z", "https://a.test/?q=a+b%2Bc");
        let (plain, _) = signature("service", key, "2015-08-30T12:36:00Z", "https://a.test/?q=a%20b%2Bc");
        assert_eq!((form, request.url().query()), (plain, Some("q=a%20b%2Bc")));
    }
}
