//! Tokens of links: what opens, what does not, and until when.

use super::*;
use crate::{
    id::{Lane, SiteId, WebhookId},
    lead::LeadKind,
    time::{DAY_MS, Serial},
};

const NOW: Timestamp = Timestamp(1_772_125_417_000);
const SECRET: [u8; 32] = [7; 32];
const KEY: LinkKeyId = LinkKeyId { account: AccountId(12), number: 3 };

fn links() -> RecordingLinks {
    RecordingLinks {
        base_url: "https://hooks.example/".to_owned(),
        key: KEY,
        secret: SECRET,
        expires_days: 30,
    }
}

fn lead() -> LeadRef {
    LeadRef { site: SiteId::new("60001").unwrap(), kind: LeadKind::Call, id: "a\"/1".to_owned() }
}

/// The token of a fresh link.
fn fresh(now: Timestamp) -> String {
    let lane = Lane { webhook: WebhookId(1), lead: Serial(2) };
    let link = link(&links(), DeliveryId { lane, serial: Serial(3) }, &lead(), now);
    link.strip_prefix("https://hooks.example/rec/").unwrap().to_owned()
}

fn open(token: &str, secret: &[u8; 32], now: Timestamp) -> Option<Result<Opened, Closed>> {
    Token::read(token).map(|token| token.open(secret, now))
}

/// A token with this header and these claims, signed with the right key.
fn signed(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let mut signature = mac(&SECRET);
    signature.update(signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.finalize().into_bytes()))
}

#[test]
fn a_link_opens_its_own_recording_until_it_expires() {
    let token = fresh(NOW);
    let opened = open(&token, &SECRET, NOW).unwrap().unwrap();
    assert_eq!(opened.lead, lead());
    assert!(opened.delivery.starts_with("dlv_"));
    assert!(open(&token, &SECRET, NOW.plus_ms(30 * DAY_MS - 1)).unwrap().is_ok());
    assert_eq!(open(&token, &SECRET, NOW.plus_ms(30 * DAY_MS)).unwrap(), Err(Closed::Expired));
}

#[test]
fn a_token_names_the_key_that_signed_it() {
    let token = fresh(NOW);
    assert_eq!(Token::read(&token).unwrap().key, KEY);
    let header = BASE64.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(header, br#"{"alg":"HS256","kid":"12.3","typ":"JWT"}"#);
}

#[test]
fn a_token_of_another_key_is_forged_also_after_its_end() {
    let token = fresh(NOW);
    for now in [NOW, NOW.plus_ms(31 * DAY_MS)] {
        assert_eq!(open(&token, &[8; 32], now).unwrap(), Err(Closed::Forged));
    }
}

#[test]
fn only_headers_as_they_are_written_here_are_read() {
    let claims = r#"{"sub":"dlv_1","lead":"60001/call/1","iat":0,"exp":9999999999,"jti":""}"#;
    let good = signed(r#"{"alg":"HS256","kid":"12.3","typ":"JWT"}"#, claims);
    assert!(open(&good, &SECRET, NOW).unwrap().is_ok());
    for header in [
        r#"{"alg":"none","kid":"12.3","typ":"JWT"}"#,
        r#"{"alg":"HS512","kid":"12.3","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"012.3","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"+12.3","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"12.3\",\"x\":\"","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"12.4294967296","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"12","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"12.3"}"#,
        "",
    ] {
        assert!(Token::read(&signed(header, claims)).is_none(), "{header}");
    }
}

#[test]
fn a_forged_token_opens_nothing() {
    let token = fresh(NOW);
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed_part.split_once('.').unwrap();
    let other =
        BASE64.encode(String::from_utf8(BASE64.decode(payload).unwrap()).unwrap().replace("60001", "60002"));
    for forged in [
        format!("{header}.{other}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", &signature[..20]),
        signed(r#"{"alg":"HS256","kid":"12.3","typ":"JWT"}"#, "{}"),
        signed(r#"{"alg":"HS256","kid":"12.3","typ":"JWT"}"#, &claims_for("60001")),
        signed(r#"{"alg":"HS256","kid":"12.3","typ":"JWT"}"#, &claims_for("60001/fax/1")),
    ] {
        assert_eq!(open(&forged, &SECRET, NOW).unwrap(), Err(Closed::Forged), "{forged}");
    }
    for no_token in ["x".repeat(TOKEN_BYTES_MAX + 1), String::new(), "..".to_owned(), format!("{token}!")] {
        assert!(Token::read(&no_token).is_none(), "{no_token}");
    }
}

fn claims_for(lead: &str) -> String {
    format!(r#"{{"sub":"dlv_1","lead":"{lead}","iat":0,"exp":9999999999,"jti":""}}"#)
}

#[test]
fn a_token_from_before_keys_had_numbers_is_of_the_first_accounts_first_key() {
    let token = signed(r#"{"alg":"HS256","typ":"JWT"}"#, &claims_for("60001/call/1"));
    assert!(token.starts_with(HEADER_WITHOUT_KEY));
    assert_eq!(Token::read(&token).unwrap().key, KEY_WITHOUT_NAME);
    assert!(open(&token, &SECRET, NOW).unwrap().is_ok());
}

#[test]
fn every_rendering_mints_another_token() {
    assert_ne!(fresh(NOW), fresh(NOW.plus_ms(1)));
}
