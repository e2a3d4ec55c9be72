//! A backup comes whole to the operator, and to nobody else.

use leadhook_store::redb::restore;

use super::*;

#[tokio::test]
async fn the_operator_gets_a_whole_backup_and_accounts_get_none() {
    let world = World::new().await;
    let request = Request::builder()
        .method("POST")
        .uri("/v1/backups")
        .header(header::AUTHORIZATION, format!("Bearer {OPERATOR_KEY}"))
        .body(Body::empty())
        .unwrap();
    let answer = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let head = restore(&bytes[..], folder.path(), |_, _| {}).unwrap();
    assert_eq!(head.made_at, world.engine.now());
    let restored = RedbStore::open(folder.path(), Options::default()).unwrap();
    assert!(restored.account(AccountId(2)).await.unwrap().is_some());

    world.raw_as(KEY, "POST", "/v1/backups", &[], "").await.is_problem(403, "operator_key_needed");
}
