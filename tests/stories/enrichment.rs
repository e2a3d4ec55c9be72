//! What the source does not state is found out: browser, system and device from the user agent, the city from the address.

use std::{fs, path::Path};

use leadhook_harness::{Engine, Receiver, wait_until};
use serde_json::{Value, json};

use crate::world::{SITE, call, furnished, post, webhook};

const AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/17.4 Mobile/15E148 Safari/604.1";

fn sample(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cities").join(name)
}

/// A call of this number with one visit.
fn visited(number: u64, visit: &Value) -> Value {
    let mut event = call(number);
    event["data"]["visits"] = json!([visit]);
    event["data"]["visits"][0]["at"] = json!("2026-03-02T12:58:01+03:00");
    event
}

/// What is sent of this call.
async fn sent(engine: &Engine, receiver: &Receiver, event: &Value) -> [String; 4] {
    post(engine, &json!([event])).await;
    let id = event["lead"]["id"].as_str().unwrap();
    let is_it = |one: &leadhook_harness::Received| one.pair("id").as_deref() == Some(id);
    let got = receiver.wait_until("the call came", |ledger| ledger.iter().any(is_it)).await;
    let one = got.iter().find(|one| is_it(one)).unwrap();
    ["browser", "os", "device", "city"].map(|name| one.pair(name).unwrap())
}

/// The city that a preview of an address tells.
async fn city(engine: &Engine, address: &str) -> String {
    let wanted = json!({ "webhook": { "url": "https://crm.example/hook" }, "lead": [visited(1, &json!({ "ip": address }))] });
    let (status, preview) = engine.post("/v1/preview", &wanted).await;
    assert_eq!(status, 200, "{preview}");
    let city = preview["parameters"].as_array().unwrap().iter().find(|one| one["name"] == "city").unwrap();
    city["value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_not_stated_is_found_out_and_a_changed_file_of_cities_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let cities = folder.path().join("cities.mmdb");
    fs::copy(sample("first.mmdb"), &cities).unwrap();
    let setup = Engine::setup().arguments(["--city-database", cities.to_str().unwrap()]);
    let engine = furnished(setup.start().await).await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;

    let found =
        sent(&engine, &receiver, &visited(7, &json!({ "userAgent": AGENT, "ip": "203.0.113.7" }))).await;
    assert_eq!(found, ["Mobile Safari 17.4", "iOS 17.4", "iPhone", "Казань"]);
    let stated = json!({
        "userAgent": AGENT, "ip": "203.0.113.7", "browser": "Safari", "os": "iOS", "device": "Phone", "city": "Сочи",
    });
    assert_eq!(sent(&engine, &receiver, &visited(8, &stated)).await, ["Safari", "iOS", "Phone", "Сочи"]);
    assert_eq!(sent(&engine, &receiver, &visited(9, &json!({}))).await, [""; 4]);

    fs::write(&cities, "half a fi").unwrap();
    wait_until("the broken file is told of", async || {
        engine.log().contains("the city database cannot be used").then_some(())
    })
    .await;
    assert_eq!(city(&engine, "203.0.113.7").await, "Казань", "it goes on with the one before");
    fs::copy(sample("second.mmdb"), &cities).unwrap();
    wait_until("the new file is in use", async || {
        (city(&engine, "203.0.113.7").await == "Пермь").then_some(())
    })
    .await;
    let (_, lead) = engine.get(&format!("/v1/leads/{SITE}/call/7")).await;
    assert_eq!(lead["visits"][0]["city"], "Казань", "what was found stands");
}

#[tokio::test]
async fn a_relayed_webhooks_address_tells_its_city() {
    let cities = sample("first.mmdb");
    let setup =
        Engine::setup().arguments(["--city-database", cities.to_str().unwrap(), "--city-language", "en"]);
    let engine = furnished(setup.start().await).await;
    let (status, made) = engine.post(&format!("/v1/sites/{SITE}/relays"), &json!({})).await;
    assert_eq!(status, 201, "{made}");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = "leadtype=call&callphase=calldisconnected&id=7&duration=63&ip=203.0.113.7&city=";
    let taken = engine.raw("POST", made["path"].as_str().unwrap(), &[form], body).await.unwrap();
    assert_eq!(taken.status, 200, "{}", taken.json());
    let (_, lead) = engine.get(&format!("/v1/leads/{SITE}/call/7")).await;
    assert_eq!(lead["facts"]["city"], "Kazan", "{lead}");
}
