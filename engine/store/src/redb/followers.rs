//! Who follows what happens, and the telling of it. Nobody is waited for: who falls behind is cut off.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use leadhook_core::id::AccountId;
use tokio::sync::mpsc;

use crate::{Change, Claims, Followed, Following, Happening};

/// All followers of this process.
#[derive(Debug, Default)]
pub(super) struct Followers {
    all: Mutex<Table>,
    /// Whether anybody wants changes of deliveries: so long as nobody does, nothing is made of them.
    deliveries: AtomicBool,
}

/// The followers, while they are locked.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Follower>);

#[derive(Debug)]
struct Follower {
    followed: Followed,
    told: mpsc::Sender<(AccountId, Happening)>,
}

impl Follower {
    fn wants(&self, account: AccountId, happening: &Happening) -> bool {
        let Followed { account: only, webhook, deliveries, notifications } = self.followed;
        let (of, wanted) = match happening {
            Happening::Delivery(change) => (change.id.lane.webhook, deliveries),
            Happening::Notification(notification) => (notification.news.webhook(), notifications),
        };
        wanted && only.is_none_or(|only| only == account) && webhook.is_none_or(|webhook| webhook == of)
    }
}

impl Followers {
    /// One more.
    pub(super) fn add(&self, followed: Followed) -> Following {
        let (told, following) = Following::new();
        let mut all = self.lock();
        all.0.push(Follower { followed, told });
        self.forget_gone(&mut all);
        following
    }

    /// Whether changes of deliveries are worth noting.
    pub(super) fn want_deliveries(&self) -> bool {
        self.deliveries.load(Ordering::Relaxed)
    }

    /// Kept from before a commit until it is told, this makes what a claim tells come after it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere leaves at worst a follower more, who is found to be gone.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what happened, in order.
    pub(super) fn tell(&self, all: &mut Table, happened: &[(AccountId, Happening)]) {
        all.0.retain(|follower| {
            let mut wanted = happened.iter().filter(|(account, one)| follower.wants(*account, one));
            wanted.all(|one| follower.told.try_send(one.clone()).is_ok())
        });
        self.forget_gone(all);
    }

    /// Tells that deliveries are being sent from now on.
    pub(super) fn tell_claimed(&self, claims: &[Claims]) {
        if self.want_deliveries() {
            let claimed = claims.iter().flat_map(|claims| &claims.claimed);
            let happened: Vec<_> = claimed
                .map(|one| (one.lease.account, Happening::Delivery(Change::sending(&one.delivery))))
                .collect();
            self.tell(&mut self.lock(), &happened);
        }
    }

    fn forget_gone(&self, all: &mut Table) {
        all.0.retain(|follower| !follower.told.is_closed());
        self.deliveries.store(all.0.iter().any(|follower| follower.followed.deliveries), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use leadhook_core::{
        id::WebhookId,
        notification::{News, Notification},
        time::{Serial, Timestamp},
    };

    use super::*;
    use crate::FOLLOWER_QUEUE_MAX;

    const ACCOUNT: AccountId = AccountId(1);
    const ALL: Followed =
        Followed { account: Some(ACCOUNT), webhook: None, deliveries: true, notifications: true };

    fn notification(serial: u64) -> (AccountId, Happening) {
        let news = News::HandlerFailing { webhook: WebhookId(serial) };
        (ACCOUNT, Happening::Notification(Notification { serial: Serial(serial), at: Timestamp(0), news }))
    }

    fn tell(followers: &Followers, happened: &[(AccountId, Happening)]) {
        followers.tell(&mut followers.lock(), happened);
    }

    #[tokio::test]
    async fn each_follower_is_told_what_it_asked_for_in_order() {
        let followers = Followers::default();
        let mut all = followers.add(ALL);
        let mut one_webhook = followers.add(Followed { webhook: Some(WebhookId(2)), ..ALL });
        let mut other = followers.add(Followed { account: Some(AccountId(2)), ..ALL });
        tell(&followers, &[notification(1), notification(2)]);
        assert_eq!(all.next().await, Some(notification(1)));
        assert_eq!(all.next().await, Some(notification(2)));
        assert_eq!(one_webhook.next().await, Some(notification(2)));
        drop(followers);
        assert_eq!((other.next().await, one_webhook.next().await), (None, None));
    }

    #[tokio::test]
    async fn a_follower_that_falls_behind_is_cut_off_after_what_it_has_and_holds_up_nobody() {
        let followers = Followers::default();
        let (mut slow, mut quick) = (followers.add(ALL), followers.add(ALL));
        let most = FOLLOWER_QUEUE_MAX as u64;
        for serial in 0..=most {
            tell(&followers, &[notification(serial)]);
            assert_eq!(quick.next().await, Some(notification(serial)));
        }
        for serial in 0..most {
            assert_eq!(slow.next().await, Some(notification(serial)));
        }
        assert_eq!(slow.next().await, None);
    }

    #[test]
    fn nothing_is_made_of_deliveries_once_nobody_follows_them() {
        let followers = Followers::default();
        assert!(!followers.want_deliveries());
        let following = followers.add(ALL);
        assert!(followers.want_deliveries());
        drop(following);
        tell(&followers, &[notification(1)]);
        assert!(!followers.want_deliveries());
    }
}
