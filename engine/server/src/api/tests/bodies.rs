//! Bodies and queries that are not what a call takes.

use super::*;

#[tokio::test]
async fn what_is_not_json_is_told_with_its_place() {
    let world = World::new().await;
    for (path, method) in
        [("/v1/webhooks", "POST"), ("/v1/events", "POST"), ("/v1/preview", "POST"), ("/v1/sites/1", "PUT")]
    {
        let reply = world.raw(method, path, &[], "{\"name\": 1,\n  \"url\" x}").await;
        reply.is_problem(400, "bad_json");
        assert_eq!((&reply.body["line"], &reply.body["column"]), (&json!(2), &json!(9)), "{}", reply.body);
        world.raw(method, path, &[], "").await.is_problem(400, "bad_json");
        world.raw(method, path, &[], "{\"name\": \"\u{0}\"").await.is_problem(400, "bad_json");
        world.raw(method, path, &[], vec![b'"', 0xff, b'"']).await.is_problem(400, "bad_json");
        world.raw(method, path, &[], "[".repeat(100_000)).await.is_problem(400, "bad_json");
    }
}

#[tokio::test]
async fn the_type_of_a_body_must_be_json_where_it_is_stated() {
    let world = World::new().await;
    for given in ["application/x-www-form-urlencoded", "text/plain", "application/xml", ""] {
        let reply = world.raw("PUT", "/v1/sites/1", &[("content-type", given)], "{}").await;
        reply.is_problem(415, "media_type_not_supported");
    }
    for given in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"] {
        let reply = world.raw("PUT", "/v1/sites/1", &[("content-type", given)], "{}").await;
        assert!(reply.status.is_success(), "{given}: {}", reply.body);
    }
    let coded = world.raw("PUT", "/v1/sites/1", &[("content-encoding", "gzip")], "{}").await;
    coded.is_problem(415, "content_encoding_not_supported");
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_whether_its_length_is_stated_or_not() {
    let world = World::with(ApiSettings { body_bytes_max: 1000, ..ApiSettings::default() }).await;
    for (path, method, bytes) in [("/v1/events", "POST", 1001), ("/v1/webhooks", "POST", 1024 * 1024 + 1)] {
        let body = " ".repeat(bytes);
        let length = bytes.to_string();
        let stated = world.raw(method, path, &[("content-length", &length)], "").await;
        stated.is_problem(413, "body_too_large");
        let chunks = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(body))]);
        world.raw(method, path, &[], Body::from_stream(chunks)).await.is_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request() {
    let world = World::new().await;
    let chunks = [Ok(bytes::Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))];
    let reply = world.raw("PUT", "/v1/sites/1", &[], Body::from_stream(futures::stream::iter(chunks))).await;
    reply.is_problem(400, "body_broken_off");
}

#[tokio::test]
async fn bad_query_parameters_are_named() {
    let world = World::new().await;
    let rows = [
        ("/v1/deliveries?webhook=x", "webhook", "bad_webhook_id"),
        ("/v1/deliveries?site=a/b", "site", "bad_site_id"),
        ("/v1/deliveries?lead=call/7", "lead", "bad_lead"),
        ("/v1/deliveries?lead=visit/7&site=1", "lead", "bad_lead"),
        ("/v1/deliveries?state=done", "state", "unknown_value"),
        ("/v1/deliveries?trigger=call.ended", "trigger", "unknown_value"),
        ("/v1/deliveries?from=yesterday", "from", "bad_time"),
        ("/v1/deliveries?limit=0", "limit", "out_of_range"),
        ("/v1/deliveries?limit=501", "limit", "out_of_range"),
        ("/v1/deliveries?cursor=7", "cursor", "bad_cursor"),
        ("/v1/deliveries?status=failed", "status", "unknown_parameter"),
        ("/v1/deliveries?state=failed&state=skipped", "state", "duplicate"),
        ("/v1/leads?type=mail", "type", "unknown_value"),
        ("/v1/leads?phone=anonymous", "phone", "bad_phone"),
        ("/v1/leads?to=2026", "to", "bad_time"),
        ("/v1/webhooks?limit=x", "limit", "out_of_range"),
        ("/v1/sites?page=2", "page", "unknown_parameter"),
    ];
    for (path, name, code) in rows {
        let reply = world.get(path).await;
        assert_eq!(reply.is_problem(422, "bad_query").faults(), [(name, code)], "{path}");
    }
    let several = world.get("/v1/deliveries?state=done&limit=0&x=1").await;
    assert_eq!(several.is_problem(422, "bad_query").faults().len(), 3);
    let offset =
        world.get("/v1/deliveries?from=2026-03-02T10:00:00+03:00&to=2026-03-02T10:00:00Z&state=").await;
    assert_eq!(offset.status, StatusCode::OK, "a plain `+` and an empty filter are taken: {}", offset.body);
}
