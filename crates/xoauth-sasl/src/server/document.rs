//! The document that says why a client is refused.

use alloc::string::{String, ToString};

use serde_json::Value;

/// The error document of a server (RFC 7628 3.2.2), for the client's eyes: say nothing in it that
/// helps to guess credentials.
///
/// ```
/// use xoauth_sasl::ErrorDocument;
///
/// let document = ErrorDocument::new("invalid_token").scope("mail");
/// assert_eq!(document.to_json(), r#"{"status":"invalid_token","scope":"mail"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorDocument {
    status: String,
    schemes: Option<String>,
    scope: Option<String>,
    openid_configuration: Option<String>,
}

impl ErrorDocument {
    /// A document with the error code: of the IANA registry (`invalid_token`,
    /// `insufficient_scope`, `invalid_request`) for the mechanisms of RFC 7628, an HTTP status
    /// (`401`, `400`) for XOAUTH and XOAUTH2.
    #[must_use]
    pub fn new(status: impl Into<String>) -> Self {
        Self { status: status.into(), schemes: None, scope: None, openid_configuration: None }
    }

    /// Adds the authentication schemes that are taken, separated by spaces, as XOAUTH2 has them.
    #[must_use]
    pub fn schemes(mut self, schemes: impl Into<String>) -> Self {
        self.schemes = Some(schemes.into());
        self
    }

    /// Adds the scope that a token needs.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds the URL of the document that says where tokens are issued.
    #[must_use]
    pub fn openid_configuration(mut self, url: impl Into<String>) -> Self {
        self.openid_configuration = Some(url.into());
        self
    }

    /// The JSON text, for the challenge.
    #[must_use]
    pub fn to_json(&self) -> String {
        let members = [
            ("status", Some(&self.status)),
            ("schemes", self.schemes.as_ref()),
            ("scope", self.scope.as_ref()),
            ("openid-configuration", self.openid_configuration.as_ref()),
        ];
        let mut json = String::from("{");
        let mut separator = "\"";
        for (name, value) in members {
            let Some(value) = value else { continue };
            json.push_str(separator);
            json.push_str(name);
            json.push_str("\":");
            json.push_str(&Value::from(value.as_str()).to_string());
            separator = ",\"";
        }
        json.push('}');
        json
    }
}
