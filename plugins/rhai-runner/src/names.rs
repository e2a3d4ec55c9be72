//! The canonical names of a lead's parameters, as the catalogue has them.

/// Every name, sorted, so that a name is found by halving.
pub(crate) const PARAMETERS: [&str; 74] = [
    "add_url_params",
    "attribution",
    "attrs",
    "browser",
    "callReferenceNumber",
    "callUrl",
    "callback",
    "callback_final_attempt",
    "callback_request_id",
    "callerphone",
    "callphase",
    "calltime",
    "changedFields",
    "city",
    "comment",
    "ctCallerId",
    "device",
    "duration",
    "email",
    "fio",
    "gcid",
    "hostname",
    "id",
    "ip",
    "leadtype",
    "manager",
    "medium",
    "orderId",
    "os",
    "phonenumber",
    "pool",
    "rating",
    "reclink",
    "redirectNumber",
    "ref",
    "requestDate",
    "requestId",
    "requestNumber",
    "requestUrl",
    "sendingTimestamp",
    "sessionId",
    "sip_call_id",
    "siteId",
    "siteName",
    "source",
    "spam",
    "status",
    "subject",
    "tags_api",
    "tags_auto_af",
    "tags_auto_ct",
    "tags_auto_gr",
    "tags_auto_pn",
    "tags_auto_pr",
    "tags_manual",
    "tags_request",
    "targetcall",
    "targetrequest",
    "text",
    "timestamp",
    "uniqtargetcall",
    "uniqtargetrequest",
    "unique",
    "uniquerequest",
    "url",
    "userAgent",
    "utm_campaign",
    "utm_content",
    "utm_medium",
    "utm_source",
    "utm_term",
    "waiting_time",
    "worktime",
    "yaClientId",
];

/// The place of a parameter in [`PARAMETERS`], unless the catalogue has no such name.
pub(crate) fn place(name: &str) -> Option<usize> {
    PARAMETERS.binary_search(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::{PARAMETERS, place};

    #[test]
    fn the_names_are_those_of_the_catalogue() {
        let table = include_str!("../../../tests/data/parameters.tsv");
        let mut names: Vec<_> = table.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
        names.sort_unstable();
        assert_eq!(names, PARAMETERS);
        assert!(PARAMETERS.iter().enumerate().all(|(at, name)| place(name) == Some(at)));
        assert_eq!(place("calerphone"), None);
    }
}
