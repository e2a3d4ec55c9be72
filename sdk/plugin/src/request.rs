//! The request as it stands at a link of the chain, and how it is edited.

use serde::Serialize;

use crate::verdict::Failure;

/// The methods that a webhook sends by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A form goes out as the query.
    Get,
    /// A form goes out as the body.
    Post,
}

/// What is sent. The engine checks what comes back like any input from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How it is sent.
    pub method: Method,
    /// Where to: an http or https URL that the engine's address guard lets pass.
    pub url: String,
    /// Names in lower case with their values, which have no CR, LF or NUL.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Body,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Pairs that the engine encodes: the body of a POST, the query of a GET.
    Form(Form),
    /// Bytes that are sent as they are.
    Raw {
        /// What the bytes are, such as `application/json`.
        content_type: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

impl Request {
    /// A POST of a form with these pairs.
    pub fn post<N: Into<String>, V: Into<String>>(
        url: impl Into<String>,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { method: Method::Post, url: url.into(), headers: Vec::new(), body: Body::Form(Form(pairs)) }
    }

    /// The form.
    ///
    /// # Errors
    /// `not_a_form` when a link before this one made a body of another form.
    pub fn form(&self) -> Result<&Form, Failure> {
        match &self.body {
            Body::Form(form) => Ok(form),
            Body::Raw { content_type, .. } => Err(not_a_form(content_type)),
        }
    }

    /// The form, to be edited.
    ///
    /// # Errors
    /// As [`Request::form`].
    pub fn form_mut(&mut self) -> Result<&mut Form, Failure> {
        match &mut self.body {
            Body::Form(form) => Ok(form),
            Body::Raw { content_type, .. } => Err(not_a_form(content_type)),
        }
    }

    /// Sends this as JSON in place of what the request carried. A GET becomes a POST, since it has no body.
    ///
    /// # Errors
    /// `bad_json` when it has no JSON form.
    pub fn set_json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.set_raw("application/json", serde_json::to_vec(value)?);
        Ok(())
    }

    /// Sends these bytes in place of what the request carried. A GET becomes a POST, since it has no body.
    pub fn set_raw(&mut self, content_type: impl Into<String>, bytes: Vec<u8>) {
        self.method = Method::Post;
        self.body = Body::Raw { content_type: content_type.into(), bytes };
    }

    /// The value of a header, its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a header in place of all that have its name.
    pub fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.remove_header(name);
        self.headers.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Removes every header of this name, in any case.
    pub fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    /// Adds a pair to the URL's own query, percent-encoded.
    pub fn add_query(&mut self, name: &str, value: &str) {
        let separator = match self.url.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        self.url.push_str(separator);
        percent_encode(name, &mut self.url);
        self.url.push('=');
        percent_encode(value, &mut self.url);
    }
}

fn not_a_form(content_type: &str) -> Failure {
    let detail = [
        "a link before this one made the body `",
        content_type,
        "`: this plugin needs the form, so put it first",
    ];
    Failure::lasting("not_a_form", detail.concat())
}

/// Encodes all but the unreserved characters of RFC 3986, section 2.3.
fn percent_encode(text: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
            into.extend(['%', char::from(high), char::from(low)]);
        }
    }
}

/// Names with values in the order in which they are sent. A name may stand there more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form(pub Vec<(String, String)>);

impl Form {
    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Every pair in its order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a value in the place where the name stands, or at the end; further pairs of that name go.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let Some(place) = self.0.iter().position(|(own, _)| own == name) else {
            return self.push(name, value);
        };
        self.0[place].1 = value.into();
        let mut index = 0;
        self.0.retain(|(own, _)| {
            index += 1;
            index <= place + 1 || own != name
        });
    }

    /// Adds a pair at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Removes every pair of a name and answers the first value.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(own, _)| own == name)?;
        let (_, value) = self.0.remove(place);
        self.0.retain(|(own, _)| own != name);
        Some(value)
    }

    /// Gives a parameter another name in place; of a list too, whose pairs keep their indices.
    pub fn rename(&mut self, from: &str, to: &str) {
        for (name, _) in &mut self.0 {
            if let Some(rest) = name.strip_prefix(from)
                && (rest.is_empty() || rest.starts_with('['))
            {
                *name = [to, rest].concat();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Request {
        let pairs =
            [("id", "1"), ("phone", "7"), ("notes[0][party]", "client"), ("phone", "8"), ("phones", "9")];
        Request::post("https://crm.example/hook", pairs)
    }

    #[test]
    fn pairs_are_edited_where_they_stand() {
        type Edit = fn(&mut Form);
        let cases: [(Edit, &str); 6] = [
            (|form| form.set("phone", "5"), "id=1 phone=5 notes[0][party]=client phones=9"),
            (|form| form.set("new", "5"), "id=1 phone=7 notes[0][party]=client phone=8 phones=9 new=5"),
            (|form| form.push("id", "2"), "id=1 phone=7 notes[0][party]=client phone=8 phones=9 id=2"),
            (
                |form| assert_eq!(form.remove("phone").as_deref(), Some("7")),
                "id=1 notes[0][party]=client phones=9",
            ),
            (|form| form.rename("notes", "c"), "id=1 phone=7 c[0][party]=client phone=8 phones=9"),
            (|form| form.rename("phone", "tel"), "id=1 tel=7 notes[0][party]=client tel=8 phones=9"),
        ];
        for (edit, expected) in cases {
            let mut request = request();
            edit(request.form_mut().unwrap());
            let pairs: Vec<_> = request.form().unwrap().iter().map(|(n, v)| format!("{n}={v}")).collect();
            assert_eq!(pairs.join(" "), expected);
        }
        let form = request().form().unwrap().clone();
        assert_eq!((form.get("phone"), form.get("pho")), (Some("7"), None));
    }

    #[test]
    fn json_makes_a_post_and_is_no_form_any_more() {
        let mut request = Request { method: Method::Get, ..request() };
        request.set_json(&json!({"a": 1})).unwrap();
        let body = Body::Raw { content_type: "application/json".to_owned(), bytes: br#"{"a":1}"#.to_vec() };
        assert_eq!((request.method, &request.body), (Method::Post, &body));
        assert_eq!(request.form_mut().unwrap_err().code, "not_a_form");
        assert!(request.form().unwrap_err().detail.contains("application/json"));
    }

    #[test]
    fn headers_are_found_in_any_case_and_kept_in_lower_case() {
        let mut request = request();
        request.set_header("X-Source", "a");
        request.set_header("x-source", "b");
        assert_eq!(request.headers, [("x-source".to_owned(), "b".to_owned())]);
        assert_eq!(request.header("X-SOURCE"), Some("b"));
        request.remove_header("X-source");
        assert_eq!(request.header("x-source"), None);
    }

    #[test]
    fn a_query_is_added_to_the_one_there_is() {
        for (url, expected) in [
            ("https://a.example/", "https://a.example/?k=a%20%D1%8F%26"),
            ("https://a.example/?", "https://a.example/?k=a%20%D1%8F%26"),
            ("https://a.example/?x=1", "https://a.example/?x=1&k=a%20%D1%8F%26"),
        ] {
            let mut request = Request::post(url, [("", ""); 0]);
            request.add_query("k", "a я&");
            assert_eq!(request.url, expected);
        }
    }
}
