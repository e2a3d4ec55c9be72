//! The catalogue of the 74 parameters: one row each, in the order in which they are sent.
//!
//! What a parameter's value is stands in [`crate::parameter`]; this table says what is fixed about it:
//! its name on the wire, the leads it exists for, what happens to it at the call's start and when it
//! has no value, and how people call it.

use std::{collections::HashMap, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::lead::LeadKind;

/// What a parameter is about; the heading under which references list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Which lead, site and sending this is.
    Identity,
    /// Who called or wrote.
    Client,
    /// The call itself.
    Call,
    /// The request itself.
    Request,
    /// What the lead is worth: unique, target, answered.
    Qualification,
    /// What people and analysis noted on the lead afterwards.
    Work,
    /// Tags by their origin.
    Tags,
    /// Where the visitor came from.
    Traffic,
    /// The visit on the site.
    Visit,
    /// The visitor's device.
    Device,
    /// The callback request behind a call.
    Callback,
}

/// The kinds of lead that a parameter exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Leads {
    /// Calls only.
    Calls,
    /// Requests only.
    Requests,
    /// Calls and requests.
    Both,
}

/// What becomes of a parameter in a delivery for the trigger `call_started`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AtCallStart {
    /// Sent as in any other delivery.
    Sent,
    /// No pair, since the fact does not exist yet.
    Omitted,
    /// The literal word `undefined`.
    Undefined,
    /// Sent only if the site says so (`sip_call_id_at_start`).
    BySite,
    /// The parameter does not exist for calls.
    NotApplicable,
}

/// The form of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One of a few fixed words.
    Enum,
    /// Any text.
    Text,
    /// Parameter names, comma-separated.
    Names,
    /// A phone number as digits.
    Phone,
    /// A whole number of seconds, not negative.
    Seconds,
    /// `YYYY-MM-DD hh:mm:ss` in the site's time zone.
    LocalDateTime,
    /// Seconds since 1970-01-01T00:00:00Z.
    UnixSeconds,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A list of records, sent as `name[0][field]`.
    List,
    /// Tags, comma-separated.
    Tags,
    /// The value of one utm mark.
    Utm,
    /// A JSON object as text.
    JsonObject,
    /// An absolute URL.
    Url,
    /// An IPv4 or IPv6 address.
    Ip,
}

/// What is sent when a parameter has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenAbsent {
    /// It always has a value.
    Never,
    /// The literal word `null`.
    Null,
    /// The pair with nothing after `=`.
    Empty,
    /// The literal word `undefined`.
    Undefined,
    /// `<не указано>` or `<не заполнено>`, see [`crate::attribution`].
    Unspecified,
    /// The digit `0`.
    Zero,
    /// No pair.
    Omitted,
}

/// All that is fixed about one parameter.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Row {
    /// The name as the service knows it and as it is sent unless renamed.
    pub name: &'static str,
    /// The heading it belongs under.
    pub group: Group,
    /// The kinds of lead that have it.
    pub leads: Leads,
    /// What becomes of it at the call's start.
    pub at_call_start: AtCallStart,
    /// The form of its value.
    pub kind: Kind,
    /// The possible words separated by `|`, the fields of a list by `,`, or a pattern; empty when free.
    pub values: &'static str,
    /// What is sent in place of a missing value.
    pub when_absent: WhenAbsent,
    /// What people call it, in English.
    pub label_en: &'static str,
    /// What people call it, in Russian.
    pub label_ru: &'static str,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $group:ident $leads:ident $start:ident $kind:ident $values:literal $absent:ident $en:literal $ru:literal;)*) => {
        /// One parameter of the catalogue, named after what is sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Parameter {
            $(#[doc = concat!("`", $name, "`: ", $en, ".")] $variant,)*
        }

        /// Every parameter in catalogue order.
        pub const ALL: &[Parameter] = &[$(Parameter::$variant,)*];

        static ROWS: &[Row] = &[$(Row {
            name: $name,
            group: Group::$group,
            leads: Leads::$leads,
            at_call_start: AtCallStart::$start,
            kind: Kind::$kind,
            values: $values,
            when_absent: WhenAbsent::$absent,
            label_en: $en,
            label_ru: $ru,
        },)*];
    };
}

catalogue! {
    LeadType "leadtype" Identity Both Sent Enum "call|request" Never "Lead type" "Тип обращения";
    CallPhase "callphase" Identity Calls Sent Enum "callconnected|calldisconnected" Never "Call phase" "Фаза звонка";
    Id "id" Identity Calls Sent Text "" Never "Call id" "ID звонка";
    ChangedFields "changedFields" Identity Both Sent Names "" Null "Changed fields" "Измененные поля";
    RequestId "requestId" Identity Requests NotApplicable Text "" Never "Request id" "ID заявки";
    RequestNumber "requestNumber" Identity Requests NotApplicable Text "" Empty "External request id" "Внешний ID заявки";
    Subject "subject" Identity Requests NotApplicable Text "" Empty "Form name" "Название формы";
    CtCallerId "ctCallerId" Client Calls Sent Text "" Empty "Client id" "ID клиента";
    Fio "fio" Client Requests NotApplicable Text "" Empty "Client name" "ФИО клиента";
    CallerPhone "callerphone" Client Both Sent Phone "7XXXXXXXXXX" Empty "Client phone" "Номер клиента";
    Email "email" Client Requests NotApplicable Text "" Empty "Client e-mail" "Email клиента";
    PhoneNumber "phonenumber" Call Calls Sent Phone "7XXXXXXXXXX" Empty "Tracked number" "Отслеживаемый номер";
    RedirectNumber "redirectNumber" Call Calls Undefined Text "phone or SIP URI" Undefined "Forwarding number" "Номер переадресации";
    Duration "duration" Call Calls Omitted Seconds "" Empty "Talk time" "Длительность разговора";
    WaitingTime "waiting_time" Call Calls Omitted Seconds "" Empty "Waiting time" "Длительность ожидания";
    CallTime "calltime" Call Calls Sent LocalDateTime "YYYY-MM-DD hh:mm:ss" Never "Call date and time" "Дата и время звонка";
    Timestamp "timestamp" Call Calls Sent UnixSeconds "" Never "Call time, Unix" "Время звонка, Unix";
    RequestDate "requestDate" Request Requests NotApplicable LocalDateTime "YYYY-MM-DD hh:mm:ss" Never "Request date and time" "Дата и время заявки";
    Status "status" Qualification Calls Omitted Enum "successful|unsuccessful" Empty "Call status" "Статус звонка";
    Unique "unique" Qualification Calls Sent Bool "true|false" Never "Unique call" "Уникальный звонок";
    TargetCall "targetcall" Qualification Calls Omitted Enum "target|non-target" Never "Target call" "Целевой звонок";
    UniqTargetCall "uniqtargetcall" Qualification Calls Omitted Enum "uniqtarget|non-uniqtarget" Never "Unique target call" "Уникально-целевой звонок";
    Callback "callback" Qualification Calls Sent Enum "callback|non-callback" Never "Callback" "Обратный звонок";
    UniqueRequest "uniquerequest" Qualification Requests NotApplicable Bool "true|false" Never "Unique request" "Уникальная заявка";
    TargetRequest "targetrequest" Qualification Requests NotApplicable Enum "target|non-target" Never "Target request" "Целевая заявка";
    UniqTargetRequest "uniqtargetrequest" Qualification Requests NotApplicable Enum "uniqtarget|non-uniqtarget" Never "Unique target request" "Уникально-целевая заявка";
    WorkTime "worktime" Qualification Calls Sent Enum "worktime|non-worktime" Never "Working hours" "Рабочее время";
    Pool "pool" Call Calls Sent Enum "dynamic|staticOffline|staticOnline" Null "Number pool" "Тип пула номера";
    Rating "rating" Work Both Omitted Int "0..5" Zero "Rating" "Рейтинг";
    Comment "comment" Work Both Omitted List "party,comment" Omitted "Comments" "Комментарии";
    TagsAutoPr "tags_auto_pr" Tags Calls Omitted Tags "" Null "Predict tags" "Теги Предикт";
    TagsAutoAf "tags_auto_af" Tags Calls Omitted Tags "" Null "Antifraud tags" "Теги Антифрод";
    TagsAutoGr "tags_auto_gr" Tags Both Omitted Tags "" Null "Gender tags" "Теги по полу";
    TagsAutoCt "tags_auto_ct" Tags Both Omitted Tags "" Null "Extension tags" "Теги по добавочным";
    TagsAutoPn "tags_auto_pn" Tags Both Sent Tags "" Null "Number tags" "Теги по номерам";
    TagsManual "tags_manual" Tags Both Omitted Tags "" Null "Manual tags" "Ручные теги";
    TagsApi "tags_api" Tags Both Sent Tags "" Null "API tags" "Теги из API";
    TagsRequest "tags_request" Tags Requests NotApplicable Tags "" Null "Form tags" "Теги заявок";
    Attribution "attribution" Traffic Both Sent Int "1|0" Never "Attribution model" "Модель атрибуции";
    Source "source" Traffic Both Sent Text "" Empty "Source" "Источник";
    Medium "medium" Traffic Both Sent Text "" Unspecified "Medium" "Канал";
    UtmSource "utm_source" Traffic Both Sent Utm "" Unspecified "utm_source" "Метка utm_source";
    UtmMedium "utm_medium" Traffic Both Sent Utm "" Unspecified "utm_medium" "Метка utm_medium";
    UtmCampaign "utm_campaign" Traffic Both Sent Utm "" Unspecified "utm_campaign" "Метка utm_campaign";
    UtmContent "utm_content" Traffic Both Sent Utm "" Unspecified "utm_content" "Метка utm_content";
    UtmTerm "utm_term" Traffic Both Sent Utm "" Unspecified "utm_term" "Метка utm_term";
    AddUrlParams "add_url_params" Traffic Both Sent List "name,value" Omitted "Tracked URL parameters" "Доп. параметры URL";
    Gcid "gcid" Visit Both Sent Text "" Empty "Google Client ID" "Google Client ID";
    YaClientId "yaClientId" Visit Both Sent Text "" Empty "Yandex Client ID" "Yandex Client ID";
    SessionId "sessionId" Visit Both Sent Text "" Empty "Session id" "ID сессии";
    HostName "hostname" Visit Both Sent Text "" Empty "Tracked host" "Отслеживаемый сайт";
    Url "url" Visit Both Sent Url "" Empty "Landing page" "Страница входа";
    Attrs "attrs" Visit Both Sent JsonObject "" Empty "Third-party cookies" "Сторонние cookie";
    CallUrl "callUrl" Visit Calls Sent Url "" Empty "Call page" "Страница звонка";
    RequestUrl "requestUrl" Visit Requests NotApplicable Url "" Empty "Request page" "Страница заявки";
    CallbackRequestId "callback_request_id" Callback Calls Sent Text "" Empty "Callback request id" "ID заявки на обратный звонок";
    CallbackFinalAttempt "callback_final_attempt" Callback Calls Sent Bool "true|false" Empty "Final callback attempt" "Последняя попытка дозвона";
    Ref "ref" Visit Both Sent Url "" Empty "Referrer" "Реферер";
    City "city" Device Both Sent Text "" Empty "City" "Город";
    Browser "browser" Device Both Sent Text "" Empty "Browser" "Браузер";
    Os "os" Device Both Sent Text "" Empty "Operating system" "Операционная система";
    Device "device" Device Both Sent Text "" Empty "Device" "Устройство";
    Ip "ip" Device Both Sent Ip "" Empty "IP address" "IP-адрес";
    SipCallId "sip_call_id" Call Calls BySite Text "" Empty "SIP session id" "ID сеанса SIP";
    CallReferenceNumber "callReferenceNumber" Call Calls Sent Text "" Empty "PBX call id" "ID звонка с АТС";
    RecLink "reclink" Call Calls Sent Url "" Omitted "Recording link" "Запись разговора";
    OrderId "orderId" Work Both Omitted Text "" Empty "Deal id" "ID сделки";
    SiteId "siteId" Identity Both Sent Text "" Never "Site id" "ID сайта";
    SiteName "siteName" Identity Both Sent Text "" Never "Site name" "Название сайта";
    UserAgent "userAgent" Device Both Sent Text "" Empty "User agent" "User agent";
    SendingTimestamp "sendingTimestamp" Identity Both Sent UnixSeconds "" Never "Sent at, Unix" "Время отправки, Unix";
    Text "text" Work Calls Omitted List "channel,phrase" Null "Transcript" "Расшифровка звонка";
    Manager "manager" Work Both Sent Text "" Empty "Manager" "Менеджер";
    Spam "spam" Work Calls Omitted Bool "true|false" Never "Spam mark" "Спам";
}

impl Parameter {
    /// The parameter with this catalogue name (case matters), if there is one.
    pub fn by_name(name: &str) -> Option<Self> {
        static BY_NAME: LazyLock<HashMap<&str, Parameter>> =
            LazyLock::new(|| ALL.iter().map(|parameter| (parameter.name(), *parameter)).collect());
        BY_NAME.get(name).copied()
    }

    /// The name as sent unless a webhook renames it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// All that is fixed about it.
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Whether leads of this kind have the parameter.
    pub fn exists_for(self, kind: LeadKind) -> bool {
        match self.row().leads {
            Leads::Both => true,
            Leads::Calls => kind == LeadKind::Call,
            Leads::Requests => kind == LeadKind::Request,
        }
    }

    /// Whether it holds tags.
    pub fn is_tags(self) -> bool {
        self.row().kind == Kind::Tags
    }
}

/// Written by its name, also in stored rows: the table may gain rows, what is stored must not shift.
impl Serialize for Parameter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ByName)
    }
}

/// Reads a name where it stands: stored leads hold dozens.
struct ByName;

impl serde::de::Visitor<'_> for ByName {
    type Value = Parameter;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a parameter")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Parameter, E> {
        Parameter::by_name(name).ok_or_else(|| E::custom(format!("no parameter is named `{name}`")))
    }
}
