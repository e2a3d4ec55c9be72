//! The signature by which a handler knows that a request is genuine: Standard Webhooks 1.0.
//!
//! What is signed is `{webhook-id}.{webhook-timestamp}.{content}`, by HMAC-SHA256; the header holds one
//! `v1,<base64>` for each secret, separated by spaces
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::webhook::SigningSecret;

/// The mark of a symmetric signature.
const VERSION: &str = "v1,";
/// A signature's bytes in base64.
const SIGNATURE_CHARACTERS: usize = 44;

/// The value of `webhook-signature`: one signature for each secret, side by side, so that a receiver may
/// know the old or the new secret during rotation (the contract, "Sending"). `None` without secrets.
///
/// `content` is [`crate::delivery::Request::signed_content`]; `id` and `timestamp_seconds` are the values of
/// `webhook-id` and `webhook-timestamp` of the same attempt.
pub fn signature(
    secrets: &[SigningSecret],
    id: &str,
    timestamp_seconds: i64,
    content: &[u8],
) -> Option<String> {
    if secrets.is_empty() {
        return None;
    }
    let mut header = String::with_capacity(secrets.len() * (VERSION.len() + SIGNATURE_CHARACTERS + 1));
    for secret in secrets {
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str(VERSION);
        let code = mac(secret, id, timestamp_seconds, content).finalize().into_bytes();
        STANDARD.encode_string(code, &mut header);
    }
    Some(header)
}

/// Whether any of the signatures in `header` is one by this secret, compared in constant time.
/// Signatures of other versions and what is not base64 are passed over. How old a timestamp may be
/// is for the caller to say.
pub fn verify(
    secret: &SigningSecret,
    id: &str,
    timestamp_seconds: i64,
    content: &[u8],
    header: &str,
) -> bool {
    let expected = mac(secret, id, timestamp_seconds, content);
    header
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .any(|code| expected.clone().verify_slice(&code).is_ok())
}

fn mac(secret: &SigningSecret, id: &str, timestamp_seconds: i64, content: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.key()).expect("HMAC takes keys of any length");
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(content);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const CONTENT: &[u8] = br#"{"test": 2432232314}"#;
    const PUBLISHED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn published_secret() -> SigningSecret {
        SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
    }

    fn other_secret() -> SigningSecret {
        SigningSecret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap()
    }

    #[test]
    fn the_published_vector_comes_out() {
        assert_eq!(signature(&[published_secret()], ID, AT, CONTENT).as_deref(), Some(PUBLISHED));
        assert_eq!(signature(&[], ID, AT, CONTENT), None);
    }

    #[test]
    fn during_rotation_a_receiver_may_know_either_secret() {
        let header = signature(&[other_secret(), published_secret()], ID, AT, CONTENT).unwrap();
        let (first, second) = header.split_once(' ').unwrap();
        assert_ne!(first, PUBLISHED);
        assert_eq!(second, PUBLISHED);
        for secret in [other_secret(), published_secret()] {
            assert!(verify(&secret, ID, AT, CONTENT, &header));
        }
    }

    #[test]
    fn whatever_differs_is_not_verified() {
        let secret = published_secret();
        assert!(verify(&secret, ID, AT, CONTENT, PUBLISHED));
        let cases: &[(&str, i64, &[u8], &str)] = &[
            ("msg_other", AT, CONTENT, PUBLISHED),
            (ID, AT + 1, CONTENT, PUBLISHED),
            (ID, AT, br#"{"test": 2432232315}"#, PUBLISHED),
            (ID, AT, CONTENT, ""),
            (ID, AT, CONTENT, "v1,"),
            (ID, AT, CONTENT, "v1,not base64"),
            (ID, AT, CONTENT, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1Os="),
            (ID, AT, CONTENT, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            (ID, AT, CONTENT, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        for (id, at, content, header) in cases {
            assert!(!verify(&secret, id, *at, content, header), "{id} {at} {header}");
        }
        assert!(!verify(&other_secret(), ID, AT, CONTENT, PUBLISHED));
    }
}
