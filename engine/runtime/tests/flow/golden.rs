//! A data folder that an earlier engine wrote is opened: all of it is read, and what is owed goes out.

use std::{fs, io::Read as _, path::PathBuf, time::Duration};

use leadhook_core::{
    delivery::{Delivery, StateName},
    event::Event,
    id::{DeliveryId, LeadRef, ResendId, SiteId, WebhookId},
    lead::LeadKind,
    notification::NotificationKind,
    resend::{Only, Phase, Resend, UrlOf, Wanted},
    site::Site,
    time::Timestamp,
    webhook::Switch,
};
use leadhook_runtime::{clock::Clock as _, limits::Limits};
use leadhook_store::{ByHand, Relay, ResendBegun, query::DeliveryQuery, redb::FILE_NAME};
use lzma_rust2::XzReader;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, status};

/// Delivers, has two revisions, signs, runs a script with state; some of what it delivered was sent again.
const DELIVERS: WebhookId = WebhookId(1);
/// Ended without success, and is being sent again by a resend of its period.
const FAILED: WebhookId = WebhookId(7);
/// Waits for another attempt, with a second delivery of the lane behind it.
const RETRIES: WebhookId = WebhookId(5);
/// Has a delay of a day.
const DELAYED: WebhookId = WebhookId(6);
/// Holds everything back.
const SKIPS: WebhookId = WebhookId(2);
/// Was switched off by its handler.
const GONE: WebhookId = WebhookId(3);
/// Was deleted while it owed something.
const DELETED: WebhookId = WebhookId(4);

/// A site for each webhook, so that one lead goes to one of them.
fn site_of(webhook: WebhookId) -> String {
    format!("7000{}", webhook.0)
}

fn lead_of(webhook: WebhookId) -> LeadRef {
    let site = SiteId::new(&site_of(webhook)).unwrap();
    LeadRef { site, kind: LeadKind::Call, id: format!("call-{}", webhook.0) }
}

/// A webhook with a site of its own.
async fn webhook(world: &World, expected: WebhookId, mut settings: Value) {
    let site = site_of(expected);
    let parsed = Site::parse(SiteId::new(&site).unwrap(), 1, &json!({"name": site})).unwrap();
    world.store().put_site(ACCOUNT, parsed, world.clock.now()).await.unwrap();
    settings["sites"] = json!([site]);
    assert_eq!(world.webhook(settings).await, expected);
}

async fn post(world: &World, webhook: WebhookId, kind: &str, data: Value) -> DeliveryId {
    let lead = lead_of(webhook);
    let event = json!({
        "id": format!("{kind}-{}", webhook.0), "type": kind, "site": lead.site.as_str(),
        "lead": {"type": "call", "id": lead.id}, "time": world.clock.now().to_rfc3339(), "data": data,
    });
    let event = Event::parse(&event).unwrap();
    world.engine.accept(ACCOUNT, vec![event]).await.unwrap().remove(0).unwrap().deliveries[0]
}

async fn ended_call(world: &World, webhook: WebhookId) -> DeliveryId {
    let data = json!({
        "callerphone": "79990000012", "duration": 40, "tags_manual": ["Sales"],
        "visits": [{"at": world.clock.now().to_rfc3339(), "url": "https://shop.example/?utm_source=ads", "sessionId": "1"}],
    });
    post(world, webhook, "call.ended", data).await
}

/// What has ended: delivered, sent again by hand and with its period, skipped, gone, deleted.
async fn write_what_ended(world: &World) {
    let now = world.clock.now();
    world.script("counts", r#"request.set("count", kv.increment("count", 1).to_string());"#).await;
    world.store().put_secret(ACCOUNT, "crm", "a-word-of-then".to_owned(), now).await.unwrap();
    let chain = json!([{"plugin": "counts", "secrets": ["crm"]}]);
    let signing = json!({"secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
    let settings = json!({"transform": chain, "signing": signing, "sites": [site_of(DELIVERS)]});
    webhook(world, DELIVERS, settings.clone()).await;
    world.save(DELIVERS, settings).await;
    let site = lead_of(DELIVERS).site;
    world.store().put_relay(Relay { account: ACCOUNT, site, digest: [7; 32], made_at: now }).await.unwrap();
    let delivered = ended_call(world, DELIVERS).await;
    world.stands(delivered, StateName::Delivered).await;
    let again = world.engine.send_now(ACCOUNT, delivered).await.unwrap();
    let ByHand::SentAgain { by, .. } = again else { panic!("{again:?}") };
    world.stands(by, StateName::Delivered).await;
    world.clock.advance(60_000);
    let resend = resend_all_of(world, DELIVERS).await;
    done(world, resend).await;

    webhook(world, SKIPS, json!({"tags": ["Another"]})).await;
    world.stands(ended_call(world, SKIPS).await, StateName::Skipped).await;
    webhook(world, GONE, json!({})).await;
    world.handler.answers([status(410)]);
    world.stands(ended_call(world, GONE).await, StateName::Failed).await;
    webhook(world, DELETED, json!({"sending": {"delay_minutes": {"call_ended": 60}}})).await;
    ended_call(world, DELETED).await;
    world.engine.switch_webhook(ACCOUNT, DELETED, Switch::Deleted).await.unwrap().unwrap();
}

/// What is owed: after a failure, behind it in its lane, after a delay, and by a resend that goes on.
async fn write_what_is_owed(world: &World) {
    world.handler.always_answers(status(500));
    let sending = json!({"model": "event_based", "on": ["call_ended", "lead_tags_changed"]});
    webhook(world, RETRIES, json!({"sending": sending})).await;
    world.stands(ended_call(world, RETRIES).await, StateName::Retrying).await;
    post(world, RETRIES, "lead.tags_changed", json!({"tags_manual": ["Repeat"]})).await;
    webhook(world, DELAYED, json!({"sending": {"delay_minutes": {"call_ended": 1440}}})).await;
    ended_call(world, DELAYED).await;
    webhook(world, FAILED, json!({"retry": {"after_seconds": []}, "sites": [site_of(FAILED)]})).await;
    world.stands(ended_call(world, FAILED).await, StateName::Failed).await;
    world.save(FAILED, json!({"sites": [site_of(FAILED)]})).await;
    world.clock.advance(60_000);
    resend_all_of(world, FAILED).await;
    while deliveries(world, FAILED).await[0].state.name() != StateName::Retrying {
        tokio::task::yield_now().await;
    }
}

async fn resend_all_of(world: &World, webhook: WebhookId) -> ResendId {
    let now = world.clock.now();
    let wanted =
        Wanted { webhook, from: now.plus_ms(-3_600_000), to: now, only: Only::All, url: UrlOf::Then };
    match world.engine.begin_resend(ACCOUNT, wanted).await.unwrap() {
        ResendBegun::Begun(resend) => resend.id,
        other => panic!("{other:?}"),
    }
}

/// A resend, once it has come to its end.
async fn done(world: &World, id: ResendId) -> Resend {
    let ended = async {
        loop {
            let resend = world.store().resend(ACCOUNT, id).await.unwrap().unwrap();
            if matches!(resend.phase, Phase::Done { .. }) {
                return resend;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap()
}

/// A webhook's deliveries, the newest owed first.
async fn deliveries(world: &World, webhook: WebhookId) -> Vec<Delivery> {
    let query = DeliveryQuery { webhook: Some(webhook), limit: 100, ..DeliveryQuery::default() };
    let page = world.store().deliveries(ACCOUNT, query).await.unwrap();
    page.rows.into_iter().map(|shown| shown.delivery).collect()
}

async fn states(world: &World, webhook: WebhookId) -> Vec<StateName> {
    deliveries(world, webhook).await.iter().map(|delivery| delivery.state.name()).collect()
}

/// Lets time pass until a webhook's deliveries stand so, the newest owed first.
async fn stand(world: &World, webhook: WebhookId, expected: &[StateName]) {
    for _ in 0..20_000 {
        if states(world, webhook).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        world.clock.advance(10);
    }
    panic!("the deliveries of {webhook} are {:?}", states(world, webhook).await);
}

/// A copy of the folder that is kept, opened by the engine of today at this time.
async fn opened(at: &str) -> World {
    let packed = fs::read(kept()).unwrap();
    let mut file = Vec::new();
    XzReader::new(packed.as_slice(), false).read_to_end(&mut file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), file).unwrap();
    World::on(folder, Timestamp::from_rfc3339(at).unwrap(), Limits::default()).await
}

fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/folders/format-4.redb.xz")
}

#[tokio::test]
async fn what_an_engine_of_format_4_wrote_is_read() {
    use StateName::{Delivered, Failed, Scheduled, Skipped};
    // Nothing is due at this time.
    let world = opened("2026-03-02T10:02:00Z").await;
    assert_eq!(states(&world, DELIVERS).await, [Delivered; 3]);
    assert_eq!(states(&world, SKIPS).await, [Skipped]);
    assert_eq!(states(&world, GONE).await, [Failed]);
    assert_eq!(states(&world, DELETED).await, [Scheduled]);
    let delivered = deliveries(&world, DELIVERS).await;
    assert_eq!(delivered[2].resends, [delivered[1].id, delivered[0].id]);
    assert_eq!(delivered[2].runs.len(), 1);
    let replay = world.engine.replay(ACCOUNT, delivered[2].id).await.unwrap().unwrap();
    assert!(replay.is_same(), "{:?}", replay.renderings);

    let store = world.store();
    let (lead, history) = store.lead(ACCOUNT, &lead_of(RETRIES)).await.unwrap().unwrap();
    assert_eq!((lead.version, history.len()), (2, 2));
    assert_eq!(store.revisions(ACCOUNT, DELIVERS).await.unwrap().len(), 2);
    assert_eq!(store.webhooks(ACCOUNT).await.unwrap().len(), 6);
    assert_eq!(store.granted(ACCOUNT, &["crm".to_owned()]).await.unwrap()["crm"], "a-word-of-then");
    assert_eq!(store.relay_of_token([7; 32]).await.unwrap().unwrap().site, lead_of(DELIVERS).site);
    let count = store.plugin_state(ACCOUNT, DELIVERS, "counts", "count").await.unwrap().unwrap();
    assert_eq!(count.value, b"1");
    let told = store.notifications(ACCOUNT, 9, None).await.unwrap();
    let kinds: Vec<_> = told.rows.iter().map(|notification| notification.news.kind()).collect();
    assert_eq!(kinds, [NotificationKind::WebhookSwitchedOff, NotificationKind::ResendFinished]);
}

#[tokio::test]
async fn what_an_engine_of_format_4_owed_goes_out() {
    let world = opened("2026-03-04T12:00:00Z").await;
    stand(&world, DELETED, &[StateName::Cancelled]).await;
    stand(&world, RETRIES, &[StateName::Delivered; 2]).await;
    stand(&world, DELAYED, &[StateName::Delivered]).await;
    stand(&world, FAILED, &[StateName::Delivered; 2]).await;
    let resends = world.store().resends(ACCOUNT, 9, None).await.unwrap().rows;
    assert_eq!(resends.len(), 2);
    assert_eq!(done(&world, resends[0].id).await.counts.delivered, 1);
    let to_retry: Vec<_> = deliveries(&world, RETRIES).await.iter().map(|one| one.attempts.len()).collect();
    assert_eq!(to_retry, [1, 3], "the two attempts of then count");
}

/// Writes a data folder like the one that is kept; the README beside that says more.
#[tokio::test]
#[ignore = "writes a data folder to be kept"]
async fn a_data_folder_is_written() {
    let world = World::new().await;
    write_what_ended(&world).await;
    write_what_is_owed(&world).await;
    world.engine.shutdown(Duration::from_secs(10)).await;
    let written = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("format.redb");
    fs::copy(world.folder.path().join(FILE_NAME), &written).unwrap();
}
