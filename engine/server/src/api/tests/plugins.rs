//! Plugins: uploads, versions, who may name and delete them, and what is remembered of their runs.

use std::sync::LazyLock;

use leadhook_runtime::PluginParts;
use leadhook_sandbox::Sandbox;

use super::*;

/// One sandbox for all tests of this process: they share what is compiled.
pub(super) fn parts() -> PluginParts {
    static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::new(Default::default()).unwrap());
    let bundled = leadhook_bundled::all().iter().map(|plugin| (plugin.name, plugin.wasm)).collect();
    PluginParts { sandbox: SANDBOX.clone(), runner: leadhook_bundled::RHAI_RUNNER, bundled }
}

/// The bytes of a plugin that comes with the engine.
fn wasm(name: &str) -> &'static [u8] {
    leadhook_bundled::all().iter().find(|plugin| plugin.name == name).unwrap().wasm
}

pub(super) const PLUS: &str = r#"request.set("phone", "+" + lead.callerphone); log("done");"#;
const JUDGE: &str = r#"fn receipt(lead, response) { if response.status == 200 { delivered(); } }"#;

impl World {
    /// Uploads a plugin or script.
    pub(super) async fn upload(&self, name: &str, body: impl Into<Body>) -> Reply {
        self.raw("PUT", &format!("/v1/plugins/{name}"), &[], body).await
    }
}

fn names(reply: &Reply) -> Vec<&str> {
    let plugins = reply.body["plugins"].as_array().unwrap().iter();
    plugins.map(|plugin| plugin["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_script_is_uploaded_and_shown() {
    let world = World::new().await;
    let made = world.upload("plus", PLUS).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.header(header::LOCATION), Some("/v1/plugins/plus"));
    let expected = json!({
        "name": "plus", "sha256": made.text("sha256"), "kind": "script", "exports": ["transform"],
        "bytes": PLUS.len(), "uploaded_at": "2026-03-02T10:00:00.000Z", "bundled": false, "versions": 1,
        "instead_of_bundled": false, "used_by": [], "warnings": [],
    });
    assert_eq!(made.body, expected);
    let mut shown = world.get("/v1/plugins/plus").await.body;
    shown["warnings"] = json!([]);
    assert_eq!(shown, expected);
    assert_eq!(world.upload("plus", PLUS).await.status, StatusCode::OK, "the same version again");
}

#[tokio::test]
async fn a_broken_script_is_refused_with_line_and_column() {
    let world = World::new().await;
    let broken = world.upload("plus", "let a = 1;\nlet b = ;").await;
    broken.is_problem(422, "bad_script");
    assert_eq!((&broken.body["line"], &broken.body["column"]), (&json!(2), &json!(9)), "{}", broken.body);
    world.get("/v1/plugins/plus").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_by_its_bytes() {
    let world = World::new().await;
    world.upload("p", "").await.is_problem(422, "empty");
    world.upload("p", &b"\0asm\x01\0\0\0"[..]).await.is_problem(422, "not_a_plugin");
    world.upload("p", &b"\0asm of another kind"[..]).await.is_problem(422, "not_wasm");
    world.upload("p", vec![0xff, 0xfe, 0x00]).await.is_problem(422, "not_a_plugin");
    world.upload("p", "/".repeat(300 * 1024)).await.is_problem(413, "too_large");
    let length = (25 * 1024 * 1024).to_string();
    let stated = world.raw("PUT", "/v1/plugins/p", &[("content-length", &length)], "").await;
    stated.is_problem(413, "body_too_large");
    for name in ["Plus", "a_b", "a.b", &"a".repeat(65)] {
        let reply = world.upload(name, PLUS).await;
        assert_eq!(reply.is_problem(422, "bad_plugin_name").faults(), [("name", "bad_plugin_name")]);
    }
}

#[tokio::test]
async fn bundled_plugins_are_listed_and_an_own_one_goes_before_its_namesake() {
    let world = World::new().await;
    let bundled: Vec<_> = leadhook_bundled::all().iter().map(|plugin| plugin.name).collect();
    assert_eq!(names(&world.get("/v1/plugins").await), bundled);
    let shown = world.get("/v1/plugins/json-body").await.body;
    assert_eq!((&shown["bundled"], &shown["exports"]), (&json!(true), &json!(["transform"])));
    assert_eq!(shown.get("uploaded_at"), None);
    world.delete("/v1/plugins/json-body").await.is_problem(409, "bundled_plugin");

    let own = world.upload("json-body", wasm("dedupe")).await;
    assert_eq!(own.status, StatusCode::CREATED, "{}", own.body);
    assert_eq!((&own.body["bundled"], &own.body["instead_of_bundled"]), (&json!(false), &json!(true)));
    assert_eq!((own.text("kind"), &own.body["exports"]), ("wasm", &json!(["filter"])));
    assert_eq!(names(&world.get("/v1/plugins").await), bundled, "one of each name");
    let versions = world.get("/v1/plugins/json-body/versions").await.body;
    let told = |version: &Value| (version["bundled"].clone(), version["current"].clone());
    let told: Vec<_> = versions["versions"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(told, [(json!(false), json!(true)), (json!(true), json!(false))]);
    assert_eq!(world.delete("/v1/plugins/json-body").await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get("/v1/plugins/json-body").await.body["bundled"], json!(true));

    let page = world.get("/v1/plugins?limit=2").await;
    assert_eq!(names(&page), bundled[..2]);
    let next = world.get(&format!("/v1/plugins?cursor={}", page.text("next_cursor"))).await;
    assert_eq!((names(&next).as_slice(), next.body.get("next_cursor")), (&bundled[2..], None));
}

#[tokio::test]
async fn an_earlier_version_is_made_current_again() {
    let world = World::new().await;
    let first = world.upload("plus", PLUS).await.text("sha256").to_owned();
    world.clock.advance(1_000);
    let second = world.upload("plus", "request.keep([]);").await;
    assert_eq!((second.status, &second.body["versions"]), (StatusCode::OK, &json!(2)));
    let versions = world.get("/v1/plugins/plus/versions").await.body;
    let told = |version: &Value| (version["sha256"].clone(), version["current"].clone());
    let told: Vec<_> = versions["versions"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(told, [(second.body["sha256"].clone(), json!(true)), (json!(first), json!(false))]);
    let page = world.get("/v1/plugins/plus/versions?limit=1").await;
    let next = format!("/v1/plugins/plus/versions?limit=1&cursor={}", page.text("next_cursor"));
    assert_eq!(world.get(&next).await.body["versions"], json!([versions["versions"][1]]));

    let back = world.post("/v1/plugins/plus/rollback", json!({"sha256": first})).await;
    assert_eq!((back.status, back.text("sha256")), (StatusCode::OK, first.as_str()));
    assert_eq!(world.get("/v1/plugins/plus").await.text("sha256"), first);
    let unknown = world.post("/v1/plugins/plus/rollback", json!({"sha256": "0".repeat(64)})).await;
    assert_eq!(unknown.is_problem(422, "unknown_version").faults(), [("sha256", "unknown_version")]);
    world.post("/v1/plugins/plus/rollback", json!({})).await.is_problem(422, "invalid");
    for name in ["nowhere", "json-body"] {
        let path = format!("/v1/plugins/{name}/rollback");
        world.post(&path, json!({"sha256": first})).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_plugin_that_a_webhook_names_stays() {
    let world = World::new().await;
    let sha256 = world.upload("plus", PLUS).await.text("sha256").to_owned();
    let pinned = format!("plus@{sha256}");
    let webhook = world.active_webhook(json!({"transform": [{"plugin": pinned}]})).await;
    let refused = world.delete("/v1/plugins/plus").await;
    assert_eq!(refused.is_problem(409, "plugin_in_use").body["webhooks"], json!([webhook]));
    assert_eq!(world.get("/v1/plugins/plus").await.body["used_by"], json!([webhook]));
    world.delete(&format!("/v1/webhooks/{webhook}")).await;
    assert_eq!(world.delete("/v1/plugins/plus").await.status, StatusCode::NO_CONTENT);
    for path in ["/v1/plugins/plus", "/v1/plugins/plus/versions", "/v1/plugins/plus/logs", "/v1/plugins/A_B"]
    {
        world.get(path).await.is_problem(404, "not_found");
    }
    world.delete("/v1/plugins/plus").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn settings_name_only_what_the_account_has_and_what_can_do_it() {
    let world = World::new().await;
    world.upload("plus", PLUS).await;
    world.upload("judge", JUDGE).await;
    let url = "https://crm.example/hook";
    let link = |plugin: &str| json!({"url": url, "transform": [{"plugin": plugin}]});
    let rows = [
        (link("nowhere"), "transform[0].plugin", "unknown_plugin"),
        (link(&format!("plus@{}", "0".repeat(64))), "transform[0].plugin", "unknown_version"),
        (link("judge"), "transform[0].plugin", "plugin_without_transform"),
        (json!({"url": url, "success": {"plugin": "plus"}}), "success.plugin", "plugin_without_receipt"),
        (
            json!({"url": url, "transform": [{"plugin": "plus", "secrets": ["token"]}]}),
            "transform[0].secrets[0]",
            "unknown_secret",
        ),
    ];
    let saved = world.post("/v1/webhooks", json!({"url": url})).await.text("id").to_owned();
    for (settings, path, code) in rows {
        let made = world.post("/v1/webhooks", settings.clone()).await;
        assert_eq!(made.is_problem(422, "invalid").faults(), [(path, code)]);
        let put = world.put(&format!("/v1/webhooks/{saved}"), settings.clone()).await;
        assert_eq!(put.is_problem(422, "invalid").faults(), [(path, code)]);
        let preview = world.post("/v1/preview", json!({"webhook": settings})).await;
        assert_eq!(preview.faults(), [(format!("webhook.{path}").as_str(), code)]);
    }
    let sha256 = world.get("/v1/plugins/bitrix24").await.text("sha256").to_owned();
    let both = json!({"url": url, "transform": [{"plugin": format!("bitrix24@{sha256}")}], "success": {"plugin": "judge"}});
    assert_eq!(world.post("/v1/webhooks", both).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_version_that_a_webhook_can_no_longer_use_is_taken_with_a_warning() {
    let world = World::new().await;
    world.upload("judge", JUDGE).await;
    let webhook = world.active_webhook(json!({"success": {"plugin": "judge"}})).await;
    let saved = world.upload("judge", PLUS).await;
    let warning = saved.body["warnings"][0].as_str().unwrap();
    assert!(warning.contains(&webhook) && warning.contains("no receipt"), "{warning}");
}

#[tokio::test]
async fn nothing_crosses_accounts() {
    let world = World::new().await;
    let sha256 = world.upload("plus", PLUS).await.text("sha256").to_owned();
    let other = async |method: &str, path: &str, body: Value| {
        let headers = [("content-type", "application/json")];
        world.raw_as(OTHER_KEY, method, path, &headers, body.to_string()).await
    };
    let paths = ["/v1/plugins/plus", "/v1/plugins/plus/versions", "/v1/plugins/plus/logs"];
    for path in paths {
        assert_eq!(world.get(path).await.status, StatusCode::OK);
        other("GET", path, json!({})).await.is_problem(404, "not_found");
    }
    other("DELETE", "/v1/plugins/plus", json!({})).await.is_problem(404, "not_found");
    other("POST", "/v1/plugins/plus/rollback", json!({"sha256": sha256})).await.is_problem(404, "not_found");
    other("POST", "/v1/plugins/plus/run", json!({})).await.is_problem(404, "not_found");
    other("POST", "/v1/plugins/plus/run", json!({"version": sha256})).await.is_problem(404, "not_found");
    let settings =
        json!({"url": "https://crm.example/hook", "transform": [{"plugin": format!("plus@{sha256}")}]});
    let refused = other("POST", "/v1/webhooks", settings).await;
    assert_eq!(refused.is_problem(422, "invalid").faults(), [("transform[0].plugin", "unknown_plugin")]);
    assert!(!names(&other("GET", "/v1/plugins", json!({})).await).contains(&"plus"));
    for path in paths {
        world.raw_as("no-key", "GET", path, &[], "").await.is_problem(401, "unauthorized");
    }
}
