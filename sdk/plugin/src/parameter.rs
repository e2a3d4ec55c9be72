//! The 74 parameters of the catalogue, by name.

use std::fmt;

/// The form of a parameter's value in a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text: a word, a phone, a time, an address.
    Text,
    /// A whole number as text.
    Number,
    /// The words `true` and `false`.
    Flag,
    /// A JSON object as text.
    Object,
    /// An array of texts.
    Tags,
    /// An array of objects with two fields.
    Records,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $kind:ident $label:literal;)*) => {
        /// One parameter of the catalogue, named after what is sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Parameter {
            $(#[doc = concat!("`", $name, "`: ", $label, ".")] $variant,)*
        }

        impl Parameter {
            /// Every parameter in the order in which they are sent.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in a lead, which is also the name as sent unless the webhook renames it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The parameter with this name (case matters), if there is one.
            pub fn by_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The form of its value.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }
        }
    };
}

catalogue! {
    LeadType "leadtype" Text "Lead type";
    CallPhase "callphase" Text "Call phase";
    Id "id" Text "Call id";
    ChangedFields "changedFields" Text "Changed fields";
    RequestId "requestId" Text "Request id";
    RequestNumber "requestNumber" Text "External request id";
    Subject "subject" Text "Form name";
    CtCallerId "ctCallerId" Text "Client id";
    Fio "fio" Text "Client name";
    CallerPhone "callerphone" Text "Client phone";
    Email "email" Text "Client e-mail";
    PhoneNumber "phonenumber" Text "Tracked number";
    RedirectNumber "redirectNumber" Text "Forwarding number";
    Duration "duration" Number "Talk time";
    WaitingTime "waiting_time" Number "Waiting time";
    CallTime "calltime" Text "Call date and time";
    Timestamp "timestamp" Number "Call time, Unix";
    RequestDate "requestDate" Text "Request date and time";
    Status "status" Text "Call status";
    Unique "unique" Flag "Unique call";
    TargetCall "targetcall" Text "Target call";
    UniqTargetCall "uniqtargetcall" Text "Unique target call";
    Callback "callback" Text "Callback";
    UniqueRequest "uniquerequest" Flag "Unique request";
    TargetRequest "targetrequest" Text "Target request";
    UniqTargetRequest "uniqtargetrequest" Text "Unique target request";
    WorkTime "worktime" Text "Working hours";
    Pool "pool" Text "Number pool";
    Rating "rating" Number "Rating";
    Comment "comment" Records "Comments";
    TagsAutoPr "tags_auto_pr" Tags "Predict tags";
    TagsAutoAf "tags_auto_af" Tags "Antifraud tags";
    TagsAutoGr "tags_auto_gr" Tags "Gender tags";
    TagsAutoCt "tags_auto_ct" Tags "Extension tags";
    TagsAutoPn "tags_auto_pn" Tags "Number tags";
    TagsManual "tags_manual" Tags "Manual tags";
    TagsApi "tags_api" Tags "API tags";
    TagsRequest "tags_request" Tags "Form tags";
    Attribution "attribution" Number "Attribution model";
    Source "source" Text "Source";
    Medium "medium" Text "Medium";
    UtmSource "utm_source" Text "utm_source";
    UtmMedium "utm_medium" Text "utm_medium";
    UtmCampaign "utm_campaign" Text "utm_campaign";
    UtmContent "utm_content" Text "utm_content";
    UtmTerm "utm_term" Text "utm_term";
    AddUrlParams "add_url_params" Records "Tracked URL parameters";
    Gcid "gcid" Text "Google Client ID";
    YaClientId "yaClientId" Text "Yandex Client ID";
    SessionId "sessionId" Text "Session id";
    HostName "hostname" Text "Tracked host";
    Url "url" Text "Landing page";
    Attrs "attrs" Object "Third-party cookies";
    CallUrl "callUrl" Text "Call page";
    RequestUrl "requestUrl" Text "Request page";
    CallbackRequestId "callback_request_id" Text "Callback request id";
    CallbackFinalAttempt "callback_final_attempt" Flag "Final callback attempt";
    Ref "ref" Text "Referrer";
    City "city" Text "City";
    Browser "browser" Text "Browser";
    Os "os" Text "Operating system";
    Device "device" Text "Device";
    Ip "ip" Text "IP address";
    SipCallId "sip_call_id" Text "SIP session id";
    CallReferenceNumber "callReferenceNumber" Text "PBX call id";
    RecLink "reclink" Text "Recording link";
    OrderId "orderId" Text "Deal id";
    SiteId "siteId" Text "Site id";
    SiteName "siteName" Text "Site name";
    UserAgent "userAgent" Text "User agent";
    SendingTimestamp "sendingTimestamp" Number "Sent at, Unix";
    Text "text" Records "Transcript";
    Manager "manager" Text "Manager";
    Spam "spam" Flag "Spam mark";
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = include_str!("../../../tests/data/parameters.tsv");

    #[test]
    fn the_parameters_are_those_of_the_catalogue_in_its_order() {
        let rows: Vec<Vec<_>> = TABLE.lines().skip(1).map(|line| line.split('\t').collect()).collect();
        let names: Vec<_> = rows.iter().map(|row| row[0]).collect();
        let ours: Vec<_> = Parameter::ALL.iter().map(|parameter| parameter.name()).collect();
        assert_eq!(ours, names);
        for row in rows {
            let kind = match row[4] {
                "bool" => Kind::Flag,
                "seconds" | "int" | "unix-seconds" => Kind::Number,
                "tags" => Kind::Tags,
                "list" => Kind::Records,
                "json-object" => Kind::Object,
                _ => Kind::Text,
            };
            let parameter = Parameter::by_name(row[0]).unwrap();
            assert_eq!((parameter.kind(), parameter.to_string()), (kind, row[0].to_owned()));
        }
        assert_eq!(Parameter::by_name("Callerphone"), None);
    }
}
