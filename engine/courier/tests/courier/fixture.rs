//! What the tests share: couriers that may reach this machine, resolvers that lie, requests and outcomes.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use leadhook_core::{
    address::AddressPolicy,
    delivery::{Method, Request},
    outcome::{Answer, BrokenKind, Outcome},
};
use leadhook_courier::{Courier, CourierSettings, Resolve};

/// For attempts that should end long before.
pub(crate) const AMPLE: Duration = Duration::from_secs(10);
/// For attempts that should end by it.
pub(crate) const SHORT: Duration = Duration::from_millis(250);

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A resolver that gives these answers, one after another and the last one for ever.
#[derive(Clone)]
pub(crate) struct Answers {
    answers: Vec<Vec<IpAddr>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Answers {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Self { answers: answers.iter().map(parse).collect(), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.answers.get(number).or(self.answers.last()) {
            Some(answer) => Ok(answer.clone()),
            None => Err(io::Error::other("no such host")),
        }
    }
}

/// Settings by which this machine may be reached, and by which every name is this machine's.
pub(crate) fn settings() -> CourierSettings {
    CourierSettings {
        addresses: AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]),
        resolver: Box::new(Answers::new(&[&["127.0.0.1"]])),
        ..CourierSettings::default()
    }
}

pub(crate) fn courier() -> Courier {
    Courier::new(settings()).unwrap()
}

pub(crate) fn post(url: &str) -> Request {
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    Request { method: Method::Post, url: url.to_owned(), headers, body: b"callerphone=79161234567".to_vec() }
}

pub(crate) async fn send(courier: &Courier, url: &str, timeout: Duration) -> Outcome {
    courier.send(&post(url), &[], timeout).await
}

/// The answer to a POST.
pub(crate) async fn answer(courier: &Courier, url: &str) -> Answer {
    match send(courier, url, AMPLE).await {
        Outcome::Answered(answer) => answer,
        broken => panic!("{url}: {broken:?}"),
    }
}

/// How a POST broke: the kind, the detail, the status.
pub(crate) async fn broken(
    courier: &Courier,
    url: &str,
    timeout: Duration,
) -> (BrokenKind, String, Option<u16>) {
    match send(courier, url, timeout).await {
        Outcome::Broken { kind, detail, status } => (kind, detail, status),
        answered => panic!("{url}: {answered:?}"),
    }
}
