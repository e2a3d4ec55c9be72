//! What happens to the engine in a run, as the seed has it: events, settings, handlers, time, faults and crashes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use leadhook_core::{
    address::AddressPolicy,
    event::Event,
    id::{AccountId, DeliveryId, SiteId, WebhookId},
    resend::{Only, UrlOf, Wanted},
    settings::Known,
    site::Site,
    time::{DAY_MS, MINUTE_MS},
    webhook::{Settings, Switch},
};
use leadhook_runtime::Engine;
use leadhook_store::Account;
use serde_json::json;

use crate::{
    dice::Dice,
    disk::{Crash, Step},
    handler::Mode,
    history::{Told, What},
    model::{CHANGES, Post, Rules, Sends},
    mutation::Mutation,
    world::{World, locked},
};

/// The account whose handler is always healthy and that posts little.
pub(crate) const QUIET_ACCOUNT: AccountId = AccountId(3);
/// The one site of each account.
const SITE: &str = "60001";
const ACCOUNTS: u32 = 3;
/// Two webhooks of each account.
const WEBHOOKS: u64 = 6;

fn owner(webhook: u64) -> u32 {
    u32::try_from((webhook - 1) / 2).unwrap_or(0) + 1
}

/// What is left of a run's script.
pub(crate) struct Script {
    dice: Dice,
    /// How many steps are left.
    pub(crate) steps: u32,
    crashes_left: u32,
    next_event: u32,
    next_lead: u32,
    leads: Vec<(u32, String, bool)>,
    /// Events that no answer came for, by their ids: their sources post them again.
    unanswered: Vec<String>,
}

/// What a step came to.
pub(crate) enum Next {
    /// The next step follows.
    Goes,
    /// The machine crashes here.
    Crash(Crash),
    /// The engine is to be shut down and started again.
    Restart,
}

impl Script {
    pub(crate) fn new(seed: u64, steps: u32) -> Self {
        Self {
            dice: Dice::new(seed, "script"),
            steps,
            crashes_left: 4,
            next_event: 1,
            next_lead: 1,
            leads: Vec::new(),
            unanswered: Vec::new(),
        }
    }

    /// Whether any source still waits for an answer.
    pub(crate) fn is_anything_unanswered(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Sets accounts, sites and webhooks up.
    pub(crate) async fn set_up(&mut self, world: &Arc<World>, engine: &Engine) -> Option<()> {
        let store = engine.store();
        for id in (1..=ACCOUNTS).map(AccountId) {
            let name = format!("account {}", id.0);
            let account = Account { id, name, client_id_key: [1; 32], recording_key: [2; 32] };
            store.put_account(account).await.ok()?;
            let site = Site::parse(SiteId::new(SITE)?, 1, &json!({"name": "Shop"})).ok()?;
            store.put_site(id, site, engine.now()).await.ok()?;
        }
        for webhook in 1..=WEBHOOKS {
            let (account, settings) = self.draw_settings(world, webhook);
            store.create_webhook(account, WebhookId(webhook), settings, engine.now()).await.ok()?;
            engine.switch_webhook(account, WebhookId(webhook), Switch::On).await.ok()?;
        }
        Some(())
    }

    /// New settings of a webhook. Whether deliveries of its leads wait for each other never changes.
    fn draw_settings(&mut self, world: &World, webhook: u64) -> (AccountId, Settings) {
        let dice = &mut self.dice;
        let account = owner(webhook);
        let delay = |dice: &mut Dice| Some([0, 0, 1, 5, 60, 120][dice.below(6) as usize]);
        let sends = if webhook.is_multiple_of(2) {
            let mut on = vec!["call_ended", "request_created", "lead_rating_changed", "lead_tags_changed"];
            for more in [
                "call_started",
                "lead_comments_changed",
                "lead_manager_changed",
                "call_spam_changed",
                "call_status_changed",
                "call_transcribed",
            ] {
                on.extend(dice.chance(60).then_some(more));
            }
            Sends::Events(on)
        } else {
            let started = dice.chance(50);
            Sends::Simplified { started, ended: delay(dice), created: delay(dice) }
        };
        let policies: [&[i64]; 4] = [&[1, 5, 30], &[60, 600], &[2, 2, 2, 2, 2, 3_600], &[]];
        let rules = Rules {
            account,
            webhook,
            is_ordered: webhook != 4,
            sends,
            retries: policies[dice.below(4) as usize].to_vec(),
            vip_only: account != QUIET_ACCOUNT.0 && dice.chance(15),
            concurrent: dice.below(4) as usize + 1,
        };
        let mut all = locked(&world.rules);
        let settings = rules.settings(all.len());
        all.push(rules);
        let known = Known { addresses: &AddressPolicy::default(), account: None };
        let settings =
            Settings::parse(&settings, &known).expect("the script makes settings that can be meant");
        (AccountId(account), settings)
    }

    /// Waits a while and does the next thing.
    pub(crate) async fn step(&mut self, world: &Arc<World>, engine: &Engine) -> Next {
        self.steps -= 1;
        let wait_ms = match self.dice.below(20) {
            0 => self.dice.below(180 * MINUTE_MS.unsigned_abs()),
            1..=3 => self.dice.below(120_000),
            4..=9 => self.dice.below(3_000),
            _ => self.dice.below(100),
        };
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        self.post_again(world, engine).await;
        match self.dice.below(100) {
            0..=47 => self.post_new(world, engine).await,
            48..=53 => self.post_known(world, engine).await,
            54..=59 => self.save(world, engine).await,
            60..=64 => self.switch(engine).await,
            65..=73 => self.change_handler(world),
            74..=79 => self.act_by_hand(world, engine).await,
            80..=82 => self.resend(engine).await,
            83..=85 => {
                self.set_clock(world);
                // This mistake shows only where nothing else wakes anybody for a while.
                if world.makes(Mutation::DeafClock) {
                    tokio::time::sleep(Duration::from_secs(7_200)).await;
                }
            }
            86..=87 => return Next::Restart,
            _ => return self.fault(world),
        }
        Next::Goes
    }

    /// Posts events, those of different accounts at the same time.
    async fn post(&mut self, world: &Arc<World>, engine: &Engine, posts: &[Post]) {
        for post in posts {
            self.unanswered.retain(|id| *id != post.id);
            self.unanswered.push(post.id.clone());
        }
        let of = |account| posts.iter().filter(move |post| post.account == account);
        let posting = (1..=ACCOUNTS).filter(|account| of(*account).next().is_some()).map(|account| {
            let events = of(account).map(|post| {
                Event::parse(&post.to_json(SITE)).expect("the script makes events that can be meant")
            });
            let accepted = engine.accept(AccountId(account), events.collect());
            async move { (account, accepted.await) }
        });
        for (account, answers) in futures::future::join_all(posting).await {
            let Ok(answers) = answers else {
                for post in of(account) {
                    world.note(What::Told { event: post.id.clone(), answer: Told::Unavailable });
                }
                continue;
            };
            for (post, answer) in of(account).zip(answers) {
                self.unanswered.retain(|id| *id != post.id);
                let answer = match answer {
                    Ok(receipt) => {
                        Told::Accepted { event_id: receipt.event_id, deliveries: receipt.deliveries }
                    }
                    Err(_) => Told::Refused,
                };
                world.note(What::Told { event: post.id.clone(), answer });
            }
        }
    }

    /// What was not answered is posted again, by a source that keeps its order.
    pub(crate) async fn post_again(&mut self, world: &Arc<World>, engine: &Engine) {
        for id in self.unanswered.clone() {
            let post = locked(&world.posts).get(&id).cloned();
            if let Some(post) = post {
                self.post(world, engine, &[post]).await;
            }
        }
    }

    async fn post_new(&mut self, world: &Arc<World>, engine: &Engine) {
        let count = if self.dice.chance(70) { 1 } else { self.dice.below(4) + 1 };
        let posts: Vec<_> = (0..count).map(|_| self.draw_post(world)).collect();
        for post in &posts {
            locked(&world.posts).insert(post.id.clone(), post.clone());
        }
        self.post(world, engine, &posts).await;
    }

    /// An event that was posted before comes again.
    async fn post_known(&mut self, world: &Arc<World>, engine: &Engine) {
        let known: Vec<_> = locked(&world.posts).values().cloned().collect();
        if let Some(post) = self.dice.pick(&known) {
            self.post(world, engine, std::slice::from_ref(post)).await;
        }
    }

    fn draw_post(&mut self, world: &World) -> Post {
        let is_new = self.leads.is_empty() || self.dice.chance(35);
        let (account, lead, is_call) = if is_new {
            let account = [1, 1, 1, 2, 2, 3][self.dice.below(6) as usize];
            let lead = format!("a{account}-{}", self.next_lead);
            self.next_lead += 1;
            let lead = (account, lead, self.dice.chance(70));
            // Some leads are heard of only by what can but follow, and are never known.
            self.leads.push(lead.clone());
            lead
        } else {
            self.dice.pick(&self.leads).cloned().unwrap_or_else(|| (1, "a1-0".to_owned(), true))
        };
        let kind = match (self.dice.below(10), is_call) {
            (0..=2, true) => "call.started",
            (3..=5, true) => "call.ended",
            (0..=5, false) => "request.created",
            (6, _) => "lead.updated",
            _ => CHANGES[self.dice.below(if is_call { 7 } else { 4 }) as usize].0,
        };
        let mut facts = BTreeMap::new();
        match CHANGES.iter().find(|(change, _, _)| *change == kind) {
            Some((_, fact, _)) => drop(facts.insert(*fact, self.draw_code(fact))),
            None if kind == "lead.updated" => drop(facts.insert("manager", self.draw_code("manager"))),
            None if self.dice.chance(40) => drop(facts.insert("tags_manual", 1)),
            None => {}
        }
        let late_ms = if self.dice.chance(15) { self.dice.between(0, 3_600_000) } else { 0 };
        let id = format!("a{account}-e{}", self.next_event);
        self.next_event += 1;
        Post { id, account, kind, lead, is_call, time: world.now().plus_ms(-late_ms), facts }
    }

    fn draw_code(&mut self, fact: &str) -> u8 {
        let (from, codes) = match fact {
            "rating" => (0, 6),
            "spam" => (0, 2),
            "tags_manual" | "comment" => (0, 4),
            "status" => (1, 2),
            _ => (1, 3),
        };
        u8::try_from(from + self.dice.below(codes)).unwrap_or(1)
    }

    async fn save(&mut self, world: &Arc<World>, engine: &Engine) {
        let webhook = self.dice.below(WEBHOOKS) + 1;
        let (account, settings) = self.draw_settings(world, webhook);
        let _ = engine.save_webhook(account, WebhookId(webhook), settings, None).await;
    }

    async fn switch(&mut self, engine: &Engine) {
        let webhook = self.dice.below(WEBHOOKS - 2) + 1;
        let switch = if self.dice.chance(40) { Switch::Off(None) } else { Switch::On };
        let _ = engine.switch_webhook(AccountId(owner(webhook)), WebhookId(webhook), switch).await;
    }

    fn change_handler(&mut self, world: &World) {
        let webhook = self.dice.below(WEBHOOKS - 2) + 1;
        let mode = match self.dice.below(10) {
            0..=2 => Mode::Healthy,
            3..=4 => Mode::Slow,
            5..=6 => Mode::Failing,
            7..=8 => Mode::Flaky,
            _ => Mode::Gone,
        };
        locked(&world.modes).insert((owner(webhook), webhook), mode);
    }

    /// Sends or cancels any delivery by hand, whatever its state.
    async fn act_by_hand(&mut self, world: &World, engine: &Engine) {
        let known: Vec<DeliveryId> = world
            .history()
            .into_iter()
            .filter_map(|entry| match entry.what {
                What::Stored { deliveries, .. } => Some(deliveries),
                _ => None,
            })
            .flatten()
            .collect();
        let Some(id) = self.dice.pick(&known).copied() else { return };
        let account = AccountId(owner(id.lane.webhook.0));
        if self.dice.chance(65) {
            let _ = engine.send_now(account, id).await;
        } else {
            let _ = engine.cancel(account, id).await;
        }
    }

    async fn resend(&mut self, engine: &Engine) {
        let webhook = self.dice.below(WEBHOOKS) + 1;
        let now = engine.now();
        let back_ms = self.dice.between(MINUTE_MS, 20 * DAY_MS);
        let wanted = Wanted {
            webhook: WebhookId(webhook),
            from: now.plus_ms(-back_ms),
            to: now,
            only: if self.dice.chance(70) { Only::All } else { Only::Failed },
            url: if self.dice.chance(50) { UrlOf::Then } else { UrlOf::Current },
        };
        let _ = engine.begin_resend(AccountId(owner(webhook)), wanted).await;
    }

    fn set_clock(&mut self, world: &World) {
        let most = [1_000, 60_000, 3_600_000, DAY_MS][self.dice.below(4) as usize];
        let by = self.dice.between(-most, most);
        world.now_living().clock.set_by(by);
        world.note(What::ClockSet(by));
    }

    fn fault(&mut self, world: &World) -> Next {
        let crash = if self.dice.chance(60) { Crash::PowerCut } else { Crash::Kill };
        let nth = u32::try_from(self.dice.below(10)).unwrap_or(0) + 1;
        match self.dice.below(12) {
            0 => world.disk.fail_sync(nth.min(4)),
            1 => {}
            2 => world.disk.fill_up(nth.min(2)),
            _ if self.crashes_left == 0 => {}
            3..=5 => {
                self.crashes_left -= 1;
                return Next::Crash(crash);
            }
            _ => {
                self.crashes_left -= 1;
                world.disk.crash_at(Some((Step::Sync(nth), crash)));
            }
        }
        Next::Goes
    }

    /// The machine crashed and starts again: perhaps to crash once more while it does.
    pub(crate) fn before_start(&mut self, world: &World) {
        if self.crashes_left > 0 && self.dice.chance(25) {
            self.crashes_left -= 1;
            let nth = u32::try_from(self.dice.below(3)).unwrap_or(0) + 1;
            world.disk.crash_at(Some((Step::Sync(nth), Crash::PowerCut)));
        }
    }
}

/// Everything is well from now on: the handlers, the disk, and every webhook is on.
pub(crate) async fn calm_down(world: &Arc<World>, engine: &Engine) -> Option<()> {
    world.disk.calm();
    locked(&world.modes).clear();
    for webhook in 1..=WEBHOOKS {
        let (account, id) = (AccountId(owner(webhook)), WebhookId(webhook));
        engine.switch_webhook(account, id, Switch::On).await.ok()?;
    }
    Some(())
}

/// The accounts of a run.
pub(crate) fn accounts() -> impl Iterator<Item = AccountId> {
    (1..=ACCOUNTS).map(AccountId)
}

/// A lead of the script, as the store knows it.
pub(crate) fn reference(post: &Post) -> leadhook_core::id::LeadRef {
    use leadhook_core::lead::LeadKind;
    let site = SiteId::new(SITE).expect("it is a site's id");
    let kind = if post.is_call { LeadKind::Call } else { LeadKind::Request };
    leadhook_core::id::LeadRef { site, kind, id: post.lead.clone() }
}
