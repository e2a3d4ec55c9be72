//! What a user agent says about browser, operating system and device.
//!
//! Read by the marks that browsers put there (RFC 9110, section 10.1.5, gives only the outer form). What is
//! not recognised stays unknown: a guess would be worse than an empty value.

/// Marks of browsers, the particular before the general: most claim to be Chrome and Safari as well.
const BROWSERS: &[(&str, &str)] = &[
    ("YaBrowser/", "Yandex Browser"),
    ("YaApp_iOS/", "Yandex"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("Edge/", "Edge"),
    ("OPiOS/", "Opera"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("MiuiBrowser/", "MIUI Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("UCBrowser/", "UC Browser"),
    ("Vivaldi/", "Vivaldi"),
    ("GSA/", "Google App"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "Internet Explorer"),
];

/// Versions of Windows by the number in `Windows NT`. Windows 11 says 10.0 too.
const WINDOWS: &[(&str, &str)] = &[
    ("10.0", "10"),
    ("6.3", "8.1"),
    ("6.2", "8"),
    ("6.1", "7"),
    ("6.0", "Vista"),
    ("5.2", "XP"),
    ("5.1", "XP"),
];

/// Name and version of the browser.
pub fn browser(agent: &str) -> Option<String> {
    let marked = BROWSERS.iter().find_map(|(mark, name)| Some((*name, after(agent, mark)?)));
    let (name, version) = marked
        .or_else(|| Some(("Internet Explorer", after(agent, "Trident/").and_then(|_| after(agent, "rv:"))?)))
        .or_else(|| Some(("Safari", after(agent, "Safari/").and_then(|_| after(agent, "Version/"))?)))?;
    Some(with_version(name, version))
}

/// Name and version of the operating system.
pub fn os(agent: &str) -> Option<String> {
    if let Some(rest) = after(agent, "Windows NT ") {
        let number = version_of(rest);
        let name = WINDOWS.iter().find(|(nt, _)| *nt == number).map_or("", |(_, name)| *name);
        return Some(format!("Windows {name}").trim_end().to_owned());
    }
    let apple_mobile = ["iPhone", "iPad", "iPod"].iter().any(|device| agent.contains(device));
    if apple_mobile {
        return Some(with_version("iOS", after(agent, " OS ").unwrap_or("")));
    }
    let marks = [("Android ", "Android"), ("Mac OS X ", "macOS"), ("CrOS ", "ChromeOS"), ("Linux", "Linux")];
    let (name, rest) = marks.iter().find_map(|(mark, name)| Some((*name, after(agent, mark)?)))?;
    Some(with_version(name, rest))
}

/// The device: a phone's or tablet's model where it is told, else `Android`, or `Desktop`.
pub fn device(agent: &str) -> Option<String> {
    if let Some(apple) = ["iPhone", "iPad", "iPod"].into_iter().find(|device| agent.contains(device)) {
        return Some(apple.to_owned());
    }
    if let Some(rest) = after(agent, "Android") {
        let model = rest.split(')').next().and_then(|rest| rest.split(';').nth(1)).unwrap_or("");
        let model = model.split(" Build/").next().unwrap_or("").trim();
        // "K" is what browsers write that no longer tell the model; "rv:…" is Firefox's version.
        let told = !matches!(model, "" | "K" | "Mobile" | "Tablet" | "wv") && !model.starts_with("rv:");
        return Some(if told { model } else { "Android" }.to_owned());
    }
    let desktop = ["Windows NT", "Macintosh", "X11"].iter().any(|mark| agent.contains(mark));
    desktop.then(|| "Desktop".to_owned())
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// The digits, dots and underscores that a text begins with.
fn version_of(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    text[..end].trim_end_matches(['.', '_'])
}

/// A name with the version that a text begins with; trailing `.0` say nothing and are left out.
fn with_version(name: &str, text: &str) -> String {
    let mut version = version_of(text).replace('_', ".");
    while let Some(shorter) = version.strip_suffix(".0") {
        version.truncate(shorter.len());
    }
    if version.is_empty() { name.to_owned() } else { format!("{name} {version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_systems_and_devices_are_read_from_their_own_marks() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let cases = [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/13.0.5 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                ["Safari 13.0.5", "iOS 13.3.1", "iPhone"],
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/122.0.0.0 YaBrowser/24.4.1.2 Safari/537.36"),
                ["Yandex Browser 24.4.1.2", "Windows 10", "Desktop"],
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 13; SM-A536E Build/TP1A) {webkit} Chrome/120.0.0.0 Mobile Safari/537.36"),
                ["Chrome 120", "Android 13", "SM-A536E"],
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/120.0.0.0 Mobile Safari/537.36"),
                ["Chrome 120", "Android 10", "Android"],
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:120.0) Gecko/20100101 Firefox/120.0".to_owned(),
                ["Firefox 120", "macOS 10.15", "Desktop"],
            ),
            (
                "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko".to_owned(),
                ["Internet Explorer 11", "Windows 7", "Desktop"],
            ),
        ];
        for (agent, expected) in cases {
            let read = [browser(&agent), os(&agent), device(&agent)].map(Option::unwrap);
            assert_eq!(read, expected, "{agent}");
        }
    }

    #[test]
    fn what_is_not_recognised_stays_unknown() {
        for agent in ["", "curl/8.5.0", "Googlebot/2.1", "Android", "Windows NT ", "Version/"] {
            assert_eq!(browser(agent), None, "{agent}");
        }
        assert_eq!((os("curl/8.5.0"), device("curl/8.5.0")), (None, None));
        assert_eq!(os("Windows NT 99").as_deref(), Some("Windows"));
    }
}
