//! A body that is too large is told so even where its sender sends all of it first.

use crate::world::engine;

#[tokio::test]
async fn a_body_over_8_mib_that_is_sent_all_the_same_is_told_so() {
    let engine = engine().await;
    let bearer = format!("Bearer {}", engine.key());
    let headers = [("authorization", bearer.as_str())];
    let oversize = vec![b' '; 8 * 1024 * 1024 + 1];
    let answer = engine.raw("POST", "/v1/events", &headers, oversize).await.unwrap();
    assert_eq!((answer.status, &answer.json()["code"]), (413, &"body_too_large".into()));
}
