//! What a plugin returns: the request of its transform.

use leadhook_sandbox::{Draft, fuzzing};

pub(crate) fn draft(bytes: &[u8]) {
    // A component returns records of the interface's types and no others, so that their fields are what can be anything.
    let Ok(draft) = serde_json::from_slice::<Draft>(bytes) else { return };
    if let Ok(taken) = fuzzing::checked(draft) {
        assert!(["GET", "POST"].contains(&taken.method.as_str()), "{}", taken.method);
        let scheme = taken.url.trim_start().get(..4).unwrap_or_default().to_ascii_lowercase();
        assert_eq!(scheme, "http", "{}", taken.url);
        for header in &taken.headers {
            let can_split = |text: &str| text.contains(['\r', '\n', '\0']);
            assert!(!can_split(&header.name) && !can_split(&header.value), "{header:?}");
            assert!(!header.name.bytes().any(|byte| byte.is_ascii_uppercase()), "{header:?}");
        }
    }
}
