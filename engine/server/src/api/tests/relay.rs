//! The tracking service's own webhooks.

use super::*;

const ENDED: &str = "leadtype=call&callphase=calldisconnected&id=77&callerphone=79990000012&duration=63";
const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];

/// A world with a site and a webhook, and where the site's webhooks come in.
async fn relay_world() -> (World, String) {
    let world = World::with_site().await;
    world.active_webhook(json!({})).await;
    let made = world.press("/v1/sites/60001/relays").await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let path = made.text("path").to_owned();
    assert_eq!(path, format!("/v1/relay/{}", made.text("token")));
    (world, path)
}

/// Without any key, as the tracking service comes.
async fn sent(world: &World, method: &str, path: &str, body: impl Into<Body>) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if method == "POST" {
        request = request.header(FORM[0].0, FORM[0].1);
    }
    world.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_webhook_by_get_or_post_is_events_of_the_tokens_site() {
    let (world, path) = relay_world().await;
    let taken = sent(&world, "POST", &path, ENDED).await;
    assert_eq!((taken.status, &taken.body["events"][0]["deliveries"]), (StatusCode::OK, &json!(1)));
    let later = format!("{path}?{ENDED}&manager=Olga&colour=dark+red");
    let taken = sent(&world, "GET", &later, Body::empty()).await;
    assert_eq!((taken.status, taken.body["events"].as_array().map(Vec::len)), (StatusCode::OK, Some(2)));
    let lead = world.get("/v1/leads/60001/call/77").await.body;
    let kinds: Vec<_> = lead["history"].as_array().unwrap().iter().map(|line| line["type"].clone()).collect();
    assert_eq!(json!(kinds), json!(["call.ended", "lead.updated", "lead.manager_changed"]));
    assert_eq!(lead["facts"], json!({"callerphone": "79990000012", "duration": 63, "manager": "Olga"}));
    assert_eq!(lead["extra"], json!([["colour", "dark red"]]));
    let split = sent(&world, "POST", &format!("{path}?colour=blue"), ENDED.replace("77", "78")).await;
    assert_eq!(split.status, StatusCode::OK, "{}", split.body);
    assert_eq!(world.get("/v1/leads/60001/call/78").await.body["extra"], json!([["colour", "blue"]]));
}

#[tokio::test]
async fn a_probe_is_answered_and_makes_no_lead() {
    let (world, path) = relay_world().await;
    let with_query = format!("{path}?{ENDED}");
    let marked = [("webhook-test", "true"), FORM[0]];
    let probes = [
        sent(&world, "POST", &path, Body::empty()).await,
        sent(&world, "GET", &path, Body::empty()).await,
        sent(&world, "HEAD", &with_query, Body::empty()).await,
        sent(&world, "POST", &path, "id={id}&duration={duration}").await,
        world.raw("POST", &path, &marked, ENDED).await,
        world.post(&path, Value::Null).await,
    ];
    for (number, probe) in probes[..5].iter().enumerate() {
        assert_eq!(probe.status, StatusCode::OK, "{number}: {}", probe.body);
        assert!(number == 2 || probe.body["events"] == json!([]) && probe.body["note"].is_string());
    }
    probes[5].is_problem(415, "media_type_not_supported");
    assert_eq!(world.get("/v1/leads").await.body["leads"], json!([]));
}

#[tokio::test]
async fn what_is_broken_is_told_by_its_parameter_and_stores_nothing() {
    let (world, path) = relay_world().await;
    let broken = sent(&world, "POST", &path, format!("{ENDED}&duration=long&callphase=ringing")).await;
    let told = broken.is_problem(422, "invalid_webhook").faults();
    assert_eq!(told, [("callphase", "unknown_value"), ("duration", "wrong_type")]);
    let long = sent(&world, "POST", &path, vec![b'a'; 1024 * 1024 + 1]).await;
    long.is_problem(413, "body_too_large");
    let many = sent(&world, "POST", &path, "a=&".repeat(200_000)).await;
    assert_eq!(many.is_problem(422, "invalid_webhook").faults(), [("", "too_many")]);
    assert_eq!(world.get("/v1/leads").await.body["leads"], json!([]));
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_by_its_id_or_itself() {
    let (world, path) = relay_world().await;
    let second = world.press("/v1/sites/60001/relays").await;
    let listed = world.get("/v1/sites/60001/relays").await;
    assert_eq!(listed.body["relays"].as_array().map(Vec::len), Some(2));
    assert!(!listed.body.to_string().contains("rly_"), "{}", listed.body);
    let relays = "/v1/sites/60001/relays";
    let by_id = format!("{relays}/{}", second.text("id"));
    assert_eq!(world.delete(&by_id).await.status, StatusCode::NO_CONTENT);
    world.delete(&by_id).await.is_problem(404, "not_found");
    sent(&world, "POST", second.text("path"), ENDED).await.is_problem(404, "not_found");
    assert_eq!(sent(&world, "POST", &path, "").await.status, StatusCode::OK);
    let token = path.rsplit('/').next().unwrap();
    assert_eq!(world.delete(&format!("{relays}/{token}")).await.status, StatusCode::NO_CONTENT);
    for _ in 0..20 {
        assert_eq!(world.press(relays).await.status, StatusCode::CREATED);
    }
    world.press(relays).await.is_problem(409, "too_many_relays");
}

#[tokio::test]
async fn who_has_no_token_learns_nothing() {
    let (world, path) = relay_world().await;
    let unknown = sent(&world, "POST", "/v1/relay/rly_0", ENDED).await;
    unknown.is_problem(404, "not_found");
    let odd = sent(&world, "GET", &format!("/v1/relay/%ff?{ENDED}"), Body::empty()).await;
    assert_eq!(odd.is_problem(404, "not_found").body, unknown.body);
    assert_eq!(world.delete("/v1/sites/60001").await.status, StatusCode::NO_CONTENT);
    assert_eq!(sent(&world, "POST", &path, ENDED).await.is_problem(404, "not_found").body, unknown.body);
    world.get("/v1/sites/60001/relays").await.is_problem(404, "not_found");
    world.press("/v1/sites/60001/relays").await.is_problem(404, "not_found");
    let keyless = sent(&world, "GET", "/v1/sites/60001/relays", Body::empty()).await;
    keyless.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn another_account_sees_and_revokes_no_token() {
    let (world, path) = relay_world().await;
    let list = "/v1/sites/60001/relays";
    let token = path.rsplit('/').next().unwrap();
    for (method, path) in
        [("GET", list.to_owned()), ("POST", list.to_owned()), ("DELETE", format!("{list}/{token}"))]
    {
        world.raw_as(OTHER_KEY, method, &path, &[], Body::empty()).await.is_problem(404, "not_found");
    }
    assert_eq!(sent(&world, "POST", &path, ENDED).await.status, StatusCode::OK);
}
