//! What a handler answers, read over a connection as any answer is.

use std::{io, net::IpAddr, time::Duration};

use leadhook_core::{
    address::AddressPolicy,
    delivery::{Method, Request},
    outcome::{BODY_BYTES_KEPT_MAX, Outcome},
};
use leadhook_courier::{Courier, CourierSettings};
use leadhook_hostile::{Peer, Step};

/// Answers end with their connection, so that nothing waits for this.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn response(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread can be made");
    let outcome = runtime.block_on(async {
        let peer = Peer::start(vec![Step::Request, Step::say(bytes), Step::Close]).await;
        let request = Request {
            method: Method::Post,
            url: peer.url(),
            headers: Vec::new(),
            body: b"callerphone=79161234567".to_vec(),
        };
        courier().expect("TLS can be set up").send(&request, &[], TIMEOUT).await
    });
    match outcome {
        Outcome::Answered(answer) => {
            assert!((200..=599).contains(&answer.status), "{}", answer.status);
            assert!(answer.body.len() <= BODY_BYTES_KEPT_MAX, "{} bytes are kept", answer.body.len());
            assert!(answer.headers.len() <= 100, "{} headers are kept", answer.headers.len());
        }
        Outcome::Broken { detail, .. } => assert!(!detail.contains("79161234567"), "{detail}"),
        Outcome::Withheld { .. } => unreachable!("no plugin has a part in this"),
    }
}

fn courier() -> Result<Courier, io::Error> {
    let here = IpAddr::from([127, 0, 0, 1]);
    let addresses = AddressPolicy::new(vec![here.into()]);
    Courier::new(CourierSettings { addresses, ..CourierSettings::default() }).map_err(io::Error::other)
}
