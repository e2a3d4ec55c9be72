//! Links to recordings: what opens and until when, and what origins may do.

use std::{net::SocketAddr, time::Duration};

use http_body_util::BodyExt as _;
use leadhook_core::{address::AddressPolicy, time::DAY_MS};
use leadhook_courier::{Courier, CourierSettings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::*;
use crate::api::{Passing, PassingLimits};

const MP3: &str = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 5\r\netag: \"e\"\r\nset-cookie: a\r\n\r\nhello";

/// Where recordings lie: says these bytes to every request, and then hangs or closes.
struct Origin {
    address: SocketAddr,
    /// The head of each request, and an empty one for each connection that ended.
    seen: mpsc::UnboundedReceiver<String>,
}

impl Origin {
    async fn saying(bytes: &str, hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let bytes = bytes.to_owned();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (bytes, sender) = (bytes.clone(), sender.clone());
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let read = stream.read(&mut head).await.unwrap();
                    let _ = sender.send(String::from_utf8_lossy(&head[..read]).into_owned());
                    let _ = stream.write_all(bytes.as_bytes()).await;
                    while hangs && stream.read(&mut head).await.is_ok_and(|read| read > 0) {}
                    let _ = sender.send(String::new());
                });
            }
        });
        Self { address, seen }
    }

    fn url(&self) -> String {
        format!("http://{}/1.mp3?signature=secret", self.address)
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(20), self.seen.recv()).await.unwrap().unwrap()
    }
}

/// A world that may fetch from this machine.
async fn world(limits: PassingLimits) -> World {
    let courier = Courier::new(CourierSettings {
        addresses: AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]),
        ..CourierSettings::default()
    });
    let recordings = Some(Arc::new(Passing::new(Arc::new(courier.unwrap()), limits)));
    let world = World::with(ApiSettings { recordings, ..ApiSettings::default() }).await;
    assert_eq!(world.put("/v1/sites/60001", json!({})).await.status, StatusCode::CREATED);
    world
}

/// The path of a fresh link to the recording of lead `77`, which lies there.
async fn link(world: &World, origin: &str) -> String {
    let event = event("call.ended", json!({"duration": 60, "reclink": origin}));
    assert_eq!(world.post("/v1/events", event).await.status, StatusCode::ACCEPTED);
    let wanted = json!({
        "webhook": {"url": "https://crm.example/hook", "parameters": {"only": ["reclink"]}},
        "lead": {"site": "60001", "type": "call", "id": "77"}, "trigger": "call_ended",
    });
    let preview = world.post("/v1/preview", wanted).await;
    let parameters = preview.body["parameters"].as_array().unwrap_or_else(|| panic!("{}", preview.body));
    let link = parameters.iter().find(|parameter| parameter["name"] == "reclink");
    let link = link.and_then(|link| link["value"].as_str()).unwrap_or_else(|| panic!("{}", preview.body));
    link.strip_prefix("https://hooks.example").unwrap().to_owned()
}

/// Without any key, as a browser comes.
async fn open(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> axum::response::Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// The status and code of what is refused, and its whole body.
async fn refused(world: &World, path: &str) -> (u16, String, String) {
    let response = open(world, "GET", path, &[]).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let status = response.status().as_u16();
    let body = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let code = serde_json::from_str::<Value>(&body).unwrap()["code"].as_str().unwrap().to_owned();
    (status, code, body)
}

fn header(response: &axum::response::Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_link_opens_its_recording_with_headers_that_keep_it_harmless() {
    let world = world(PassingLimits::default()).await;
    let mut origin = Origin::saying(MP3, false).await;
    let path = link(&world, &origin.url()).await;
    let headers =
        [("range", "bytes=0-"), ("if-range", "\"e\""), ("cookie", "own"), ("authorization", "Bearer x")];
    let response = open(&world, "GET", &path, &headers).await;
    assert_eq!(response.status(), StatusCode::OK);
    for (name, value) in [
        ("content-type", Some("audio/mpeg")),
        ("content-length", Some("5")),
        ("content-disposition", Some("inline")),
        ("etag", Some("\"e\"")),
        ("x-content-type-options", Some("nosniff")),
        ("cache-control", Some("private")),
        ("referrer-policy", Some("no-referrer")),
        ("set-cookie", None),
    ] {
        assert_eq!(header(&response, name).as_deref(), value, "{name}");
    }
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    let asked = origin.next().await;
    assert!(asked.starts_with("GET /1.mp3?signature=secret HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("\r\nrange: bytes=0-\r\n") && asked.contains("\r\nif-range: \"e\"\r\n"),
        "{asked}"
    );
    assert!(!asked.contains("own") && !asked.contains("Bearer"), "{asked}");

    let head = open(&world, "HEAD", &path, &[]).await;
    assert_eq!((head.status(), header(&head, "content-length").as_deref()), (StatusCode::OK, Some("5")));
    assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_link_opens_until_it_expires_and_then_says_so() {
    let world = world(PassingLimits::default()).await;
    let origin = Origin::saying(MP3, false).await;
    let path = link(&world, &origin.url()).await;
    world.clock.advance(30 * DAY_MS - 1_000);
    assert_eq!(open(&world, "GET", &path, &[]).await.status(), StatusCode::OK);
    world.clock.advance(1_000);
    let (status, code, _) = refused(&world, &path).await;
    assert_eq!((status, code.as_str()), (410, "link_expired"));
}

#[tokio::test]
async fn whatever_does_not_open_is_answered_alike() {
    let world = world(PassingLimits::default()).await;
    let origin = Origin::saying(MP3, false).await;
    let path = link(&world, &origin.url()).await;
    let unknown = refused(&world, "/rec/unknown").await;
    assert_eq!((unknown.0, unknown.1.as_str()), (404, "not_found"));
    let (signed, signature) = path.rsplit_once('.').unwrap();
    for forged in
        [format!("{signed}."), format!("{signed}.{}", signature.to_lowercase()), "/rec/%ff".to_owned()]
    {
        assert_eq!(refused(&world, &forged).await, unknown, "{forged}");
    }
    let site = json!({"allow_reclink": false});
    assert_eq!(world.put("/v1/sites/60001", site).await.status, StatusCode::OK);
    assert_eq!(refused(&world, &path).await, unknown, "the site forbids it now");
    assert_eq!(world.put("/v1/sites/60001", json!({})).await.status, StatusCode::OK);
    assert_eq!(open(&world, "GET", &path, &[]).await.status(), StatusCode::OK);
    let gone = event("lead.updated", json!({"reclink": null}));
    assert_eq!(world.post("/v1/events", gone).await.status, StatusCode::ACCEPTED);
    assert_eq!(refused(&world, &path).await, unknown, "the recording is gone");
}

#[tokio::test]
async fn what_an_origin_answers_is_passed_on_only_where_it_is_a_recording() {
    let world = world(PassingLimits { bytes: 1_000, ..PassingLimits::default() }).await;
    let cases = [
        ("206 X\r\ncontent-range: bytes 0-1/5\r\ncontent-length: 2\r\n\r\nhe", 206),
        ("206 X\r\ncontent-type: multipart/byteranges; boundary=x\r\ncontent-length: 2\r\n\r\nhe", 502),
        ("304 X\r\netag: \"e\"\r\n\r\n", 304),
        ("416 X\r\ncontent-range: bytes */5\r\ncontent-length: 2\r\n\r\nno", 416),
        ("302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 502),
        ("404 X\r\ncontent-length: 0\r\n\r\n", 502),
        ("200 X\r\ncontent-length: 1001\r\n\r\n", 502),
        ("200 X\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", 502),
        ("nonsense", 502),
    ];
    for (said, status) in cases {
        let origin = Origin::saying(&format!("HTTP/1.1 {said}"), false).await;
        let path = link(&world, &origin.url()).await;
        let response = open(&world, "GET", &path, &[]).await;
        assert_eq!(response.status().as_u16(), status, "{said}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body);
        assert!(!body.contains("127.0.0.1") && !body.contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_recording_is_not_shown_as_one() {
    let world = world(PassingLimits::default()).await;
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 8\r\n\r\n<script>";
    let origin = Origin::saying(page, false).await;
    let path = link(&world, &origin.url()).await;
    let response = open(&world, "GET", &path, &[]).await;
    assert_eq!(header(&response, "content-type").as_deref(), Some("application/octet-stream"));
    assert_eq!(
        header(&response, "content-disposition").as_deref(),
        Some("attachment; filename=\"recording\"")
    );
}

#[tokio::test]
async fn a_recording_that_breaks_off_or_is_too_large_is_not_taken_for_whole() {
    let limits = PassingLimits { bytes: 1_000, ..PassingLimits::default() };
    let world = world(limits).await;
    let large = format!("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\n{}", "x".repeat(1_001));
    for said in [MP3.replace("length: 5", "length: 9"), large] {
        let origin = Origin::saying(&said, false).await;
        let path = link(&world, &origin.url()).await;
        let response = open(&world, "GET", &path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{said}");
        assert!(response.into_body().collect().await.is_err(), "{said}");
    }
}

#[tokio::test]
async fn so_many_are_passed_on_at_one_time_and_a_client_that_goes_away_frees_its_place() {
    let world = world(PassingLimits { of_account: 1, ..PassingLimits::default() }).await;
    let mut origin = Origin::saying(&MP3.replace("length: 5", "length: 9"), true).await;
    let path = link(&world, &origin.url()).await;
    let playing = open(&world, "GET", &path, &[]).await;
    assert_eq!(playing.status(), StatusCode::OK);
    let refused = open(&world, "GET", &path, &[]).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(header(&refused, "retry-after").is_some());
    assert_ne!(origin.next().await, "");
    drop(playing);
    assert_eq!(origin.next().await, "", "the connection to the origin ended");
    let again = async {
        while open(&world, "HEAD", &path, &[]).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_does_not_hold_a_place() {
    let limits =
        PassingLimits { of_account: 1, client_silent: Duration::from_millis(50), ..PassingLimits::default() };
    let world = world(limits).await;
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\n{}", "x".repeat(4_000_000));
    let mut origin = Origin::saying(&endless, true).await;
    let path = link(&world, &origin.url()).await;
    let silent = open(&world, "GET", &path, &[]).await;
    assert_ne!(origin.next().await, "");
    assert_eq!(origin.next().await, "", "the connection to the origin ended");
    assert!(silent.into_body().collect().await.is_err(), "it is not taken for whole");
}

#[tokio::test]
async fn links_of_a_retired_key_open_until_it_is_revoked() {
    let world = world(PassingLimits::default()).await;
    let origin = Origin::saying(MP3, false).await;
    let before = link(&world, &origin.url()).await;
    let made = world.press("/v1/recording-keys").await;
    assert_eq!(
        (made.status, &made.body["number"], &made.body["signs"]),
        (StatusCode::CREATED, &json!(2), &json!(true))
    );
    let after = link(&world, &origin.url()).await;
    for path in [&before, &after] {
        assert_eq!(open(&world, "GET", path, &[]).await.status(), StatusCode::OK);
    }
    let listed = world.get("/v1/recording-keys").await.body;
    let first = json!({
        "number": 1, "signs": false, "retired_at": "2026-03-02T10:00:00.000Z", "opens_until": "2026-04-01T10:00:00.000Z",
    });
    assert_eq!(listed["recording_keys"][1], first);
    world.delete("/v1/recording-keys/2").await.is_problem(409, "recording_key_signs");
    let foreign = world.raw_as(OTHER_KEY, "DELETE", "/v1/recording-keys/1", &[], Body::empty()).await;
    foreign.is_problem(409, "recording_key_signs");
    assert_eq!(world.delete("/v1/recording-keys/1").await.status, StatusCode::NO_CONTENT);
    world.delete("/v1/recording-keys/1").await.is_problem(404, "not_found");
    assert_eq!(refused(&world, &before).await.0, 404);
    assert_eq!(open(&world, "GET", &after, &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn another_accounts_key_opens_nothing() {
    let world = world(PassingLimits::default()).await;
    let origin = Origin::saying(MP3, false).await;
    let path = link(&world, &origin.url()).await;
    // Both accounts of this world have the same secret, so only the account in the header tells them apart.
    assert_eq!(world.press("/v1/recording-keys").await.status, StatusCode::CREATED);
    assert_eq!(world.delete("/v1/recording-keys/1").await.status, StatusCode::NO_CONTENT);
    let (header, rest) = path.strip_prefix("/rec/").unwrap().split_once('.').unwrap();
    let header = base64_swap(header);
    assert_eq!(refused(&world, &format!("/rec/{header}.{rest}")).await.0, 404);
}

/// The header with the other account's number in place of the first's: `"kid":"1.1"` begins at a boundary of base64.
fn base64_swap(header: &str) -> String {
    let own = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEuMSIsInR5cCI6IkpXVCJ9";
    assert_eq!(header, own);
    own.replace("IjEuMSIs", "IjIuMSIs")
}
