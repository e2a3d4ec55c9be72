//! Fills a data folder through the store itself, far faster than deliveries could be made: so many leads with a
//! delivery done, or with one that waits for its time.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use leadhook_core::{
    delivery::{Attempt, Rendering, State},
    event::Event,
    id::{AccountId, SiteId, WebhookId},
    json::Json,
    outcome::{Answer, Outcome},
    parameter::Keys,
    render::{Scene, render_unfiltered},
    site::Site,
    time::Timestamp,
    webhook::{DELAY_MINUTES_MAX, Settings, Switch},
};
use leadhook_store::{
    Account, Claimed, Settlement, Store, Want,
    redb::{MasterKey, MasterKeys, Options, RedbStore},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::leads::Leads;

const ACCOUNT: AccountId = AccountId::DEFAULT;
/// Events in one command.
const BATCH: usize = 1_000;
/// Batches under way at one time: while one commits, the others are prepared.
const BATCHES_AT_ONCE: usize = 4;
/// How long a claim may take to be settled here.
const LEASE_MS: i64 = 300_000;

/// With what a folder is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// Deliveries that a handler has: their bodies, attempts and outcomes are kept.
    Done,
    /// Deliveries that wait as long as a delay can be.
    Scheduled,
}

impl With {
    fn site(self) -> &'static str {
        match self {
            Self::Done => "fill-done",
            Self::Scheduled => "fill-scheduled",
        }
    }

    fn webhook(self) -> WebhookId {
        match self {
            Self::Done => WebhookId(1_001),
            Self::Scheduled => WebhookId(1_002),
        }
    }
}

/// Opens the store of a data folder: a server that was there has sealed its secrets under a key beside it.
fn open(data: &Path) -> Result<RedbStore> {
    let Ok(key) = std::fs::read_to_string(data.join("master-key")) else {
        return Ok(RedbStore::open(data, Options::default())?);
    };
    let current = MasterKey::parse(&key).context("the file master-key in the data folder holds no key")?;
    let keys = MasterKeys { current, old: None };
    Ok(RedbStore::open_sealed(data, Options::default(), keys)?.0)
}

/// Adds the leads with these indices to the data folder.
pub(crate) async fn fill(data: &Path, with: With, leads: Range<usize>) -> Result<()> {
    let store = open(data)?;
    prepare(&store, with).await?;
    let filler = Arc::new(Filler {
        store,
        with,
        bodies: Leads::new(with.site()),
        next: AtomicUsize::new(leads.start),
        end: leads.end,
    });
    let mut filling = JoinSet::new();
    for _ in 0..BATCHES_AT_ONCE {
        filling.spawn(Arc::clone(&filler).run());
    }
    let mut settled = 0;
    while let Some(ended) = filling.join_next().await {
        settled += ended.context("filling broke off")??;
    }
    let expected = if with == With::Done { leads.len() } else { 0 };
    ensure!(settled == expected, "{settled} deliveries were settled, {expected} are owed");
    filler.store.close().await;
    Ok(())
}

/// The account, a site and its webhook; those of an earlier filling are kept.
async fn prepare(store: &RedbStore, with: With) -> Result<()> {
    if store.account(ACCOUNT).await?.is_none() {
        let account = Account {
            id: ACCOUNT,
            name: "default".to_owned(),
            client_id_key: [1; 32],
            recording_key: [2; 32],
        };
        store.put_account(account).await?;
    }
    if store.webhook(ACCOUNT, with.webhook()).await?.is_some() {
        return Ok(());
    }
    let site = SiteId::new(with.site()).context("the site's id is a plain one")?;
    store.put_site(ACCOUNT, Site::new(site), now()?).await?;
    let delay_minutes = if with == With::Scheduled { DELAY_MINUTES_MAX } else { 0 };
    let settings = json!({
        "url": "http://127.0.0.1:9/hook",
        "sites": [with.site()],
        "sending": {"on": ["call_ended"], "delay_minutes": {"call_ended": delay_minutes}},
    });
    let settings =
        Settings::restore(&settings).map_err(|faults| anyhow!("settings are refused: {faults:?}"))?;
    store.create_webhook(ACCOUNT, with.webhook(), settings, now()?).await?;
    store.switch_webhook(ACCOUNT, with.webhook(), Switch::On).await?;
    Ok(())
}

struct Filler {
    store: RedbStore,
    with: With,
    bodies: Leads,
    next: AtomicUsize,
    end: usize,
}

impl Filler {
    /// Takes batches until none is left; how many deliveries it settled.
    async fn run(self: Arc<Self>) -> Result<usize> {
        let mut settled = 0;
        let mut sample = None;
        loop {
            let first = self.next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= self.end {
                return Ok(settled);
            }
            let events: Result<Vec<_>> =
                (first..self.end.min(first + BATCH)).map(|index| self.event(index)).collect();
            let receipts = self.store.accept(ACCOUNT, events?, now()?).await?;
            ensure!(
                receipts.iter().flatten().filter(|receipt| receipt.deliveries.len() == 1).count()
                    == receipts.len(),
                "an event made no delivery owed"
            );
            if self.with == With::Done {
                // Those of other batches may be among them, as those of this one are among theirs.
                settled += self.settle(receipts.len(), &mut sample).await?;
            }
        }
    }

    fn event(&self, index: usize) -> Result<Event> {
        let body = self.bodies.body(index);
        let json: Json<'_> = serde_json::from_slice(&body)?;
        Event::parse(&json).map_err(|faults| anyhow!("the event is refused: {faults:?}"))
    }

    async fn settle(&self, most: usize, sample: &mut Option<Rendering>) -> Result<usize> {
        let now = now()?;
        let want = Want { account: ACCOUNT, webhook: self.with.webhook(), most };
        let claims = self.store.claim(vec![want], now, now.plus_ms(LEASE_MS)).await?;
        let claimed = claims.into_iter().flat_map(|claims| claims.claimed);
        let settlements: Vec<_> = claimed
            .map(|claimed| {
                let rendering = sample.get_or_insert_with(|| rendering(&claimed, now)).clone();
                delivered(claimed, rendering, now)
            })
            .collect();
        let count = settlements.len();
        self.store.settle(settlements, now).await?;
        Ok(count)
    }
}

/// What would be sent. All deliveries get the first's: only the size of what is stored matters.
fn rendering(claimed: &Claimed, now: Timestamp) -> Rendering {
    let keys = Keys { client_id_key: [1; 32], recording: None };
    render_unfiltered(&Scene {
        delivery: claimed.delivery.id,
        trigger: claimed.delivery.trigger,
        lead: &claimed.lead,
        site: &claimed.site,
        settings: &claimed.webhook.settings,
        revision: claimed.webhook.revision,
        previous: None,
        lane_goes_on: false,
        keys: &keys,
        now,
    })
}

fn delivered(claimed: Claimed, rendering: Rendering, now: Timestamp) -> Settlement {
    let mut delivery = claimed.delivery;
    delivery.renderings = vec![rendering];
    delivery.attempts = vec![Attempt {
        number: 1,
        started_at: now,
        elapsed_ms: 1,
        rendering: Some(0),
        outcome: Outcome::Answered(Answer { status: 200, ..Answer::default() }),
    }];
    delivery.state = State::Delivered { at: now };
    Settlement { lease: claimed.lease, delivery: delivery.into(), state: Vec::new() }
}

fn now() -> Result<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    Ok(Timestamp(i64::try_from(since.as_millis())?))
}

#[cfg(test)]
mod tests {
    use leadhook_core::delivery::StateName;
    use leadhook_store::query::DeliveryQuery;

    use super::*;

    #[tokio::test]
    async fn what_is_filled_is_there_in_its_state_and_can_be_filled_on() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), With::Done, 0..3).await.unwrap();
        // As a server does that starts there.
        let key = MasterKey::new([7; 32]);
        std::fs::write(folder.path().join("master-key"), key.to_text()).unwrap();
        open(folder.path()).unwrap().close().await;
        fill(folder.path(), With::Done, 3..5).await.unwrap();
        fill(folder.path(), With::Scheduled, 0..4).await.unwrap();
        let store = open(folder.path()).unwrap();
        for (state, count) in [(StateName::Delivered, 5), (StateName::Scheduled, 4)] {
            let query = DeliveryQuery { state: Some(state), limit: 100, ..DeliveryQuery::default() };
            assert_eq!(store.deliveries(ACCOUNT, query).await.unwrap().rows.len(), count, "{state}");
        }
    }
}
