//! Secrets and signature headers: the first line is a secret, the second a header, the rest what is signed.

use leadhook_core::{
    sign::{signature as sign, verify},
    webhook::SigningSecret,
};

const ID: &str = "dlv_1";
const TIMESTAMP_SECONDS: i64 = 1_772_445_940;

pub(crate) fn signature(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (secret, header, content) = (line(), line(), line().as_bytes());
    let Some(secret) = SigningSecret::parse(secret) else { return };
    assert!((24..=64).contains(&secret.key().len()), "{} bytes", secret.key().len());
    let own = sign(std::slice::from_ref(&secret), ID, TIMESTAMP_SECONDS, content).expect("there is a secret");
    assert!(verify(&secret, ID, TIMESTAMP_SECONDS, content, &own), "its own signature holds");
    let among_others = format!("{header} {own}");
    assert!(verify(&secret, ID, TIMESTAMP_SECONDS, content, &among_others), "{among_others}");
    if verify(&secret, ID, TIMESTAMP_SECONDS, content, header) {
        let is_own = header.split(' ').any(|one| one.trim_end_matches('=') == own.trim_end_matches('='));
        assert!(is_own, "{header} holds, and is not {own}");
    }
}
