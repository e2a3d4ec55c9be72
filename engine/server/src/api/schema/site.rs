//! How a site's settings look.

use utoipa::ToSchema;

/// A site: its zone and country, and what counts as unique, as target and as working hours. What is left out gets its
/// default.
#[derive(Debug, ToSchema)]
#[schema(as = Site, example = json!({
    "name": "Shop", "timezone": "Europe/Moscow", "uniqueness_days": 30, "target_call": {"min_seconds": 30},
    "working_hours": {"mon": [["09:00", "18:00"]], "fri": [["20:00", "02:00"]]}, "tracked_url_params": ["abtest"],
}))]
pub(crate) struct SiteSettings {
    /// The site's id; when given it must be the one in the path.
    #[schema(read_only)]
    id: Option<String>,
    /// 1 at the first save; each later one adds one. Does not count when given.
    #[schema(read_only)]
    revision: Option<u32>,
    /// What people call it; its id unless set.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// An IANA time zone.
    #[schema(default = "Europe/Moscow")]
    timezone: Option<String>,
    /// ISO 3166-1 alpha-2. Decides how phones are written.
    #[schema(default = "RU")]
    country: Option<String>,
    /// For how many days of 24 hours a client is known again.
    #[schema(default = 30, minimum = 1, maximum = 730)]
    uniqueness_days: Option<u32>,
    /// Whether calls and requests count together for uniqueness.
    #[schema(default = false)]
    cross_uniqueness: Option<bool>,
    /// The talk time of a target call.
    target_call: Option<TargetCall>,
    /// Weekly working hours by the site's clock; always working unless set.
    working_hours: Option<WorkingHours>,
    /// The query parameters of the landing URL that are sent as `add_url_params`.
    #[schema(max_items = 50)]
    tracked_url_params: Option<Vec<String>>,
    /// Whether `callUrl` is sent.
    #[schema(default = true)]
    record_call_url: Option<bool>,
    /// Whether recordings may be linked.
    #[schema(default = true)]
    allow_reclink: Option<bool>,
    /// Whether `sip_call_id` goes out at the call's start.
    #[schema(default = false)]
    sip_call_id_at_start: Option<bool>,
}

/// The talk time of a target call, both ends included.
#[derive(Debug, ToSchema)]
pub(crate) struct TargetCall {
    /// In seconds.
    #[schema(default = 30, maximum = 86400)]
    min_seconds: Option<u32>,
    /// In seconds; no upper bound unless set.
    #[schema(maximum = 86400)]
    max_seconds: Option<u32>,
}

/// Spans by the weekday on which they begin: `[["09:00", "18:00"]]`, up to `24:00`; an end at or before the start reaches
/// into the next day. A weekday left out is a day off, if any is named.
#[derive(Debug, ToSchema)]
pub(crate) struct WorkingHours {
    /// Monday.
    mon: Option<Vec<(String, String)>>,
    /// Tuesday.
    tue: Option<Vec<(String, String)>>,
    /// Wednesday.
    wed: Option<Vec<(String, String)>>,
    /// Thursday.
    thu: Option<Vec<(String, String)>>,
    /// Friday.
    fri: Option<Vec<(String, String)>>,
    /// Saturday.
    sat: Option<Vec<(String, String)>>,
    /// Sunday.
    sun: Option<Vec<(String, String)>>,
}
