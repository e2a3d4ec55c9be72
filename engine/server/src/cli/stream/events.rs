//! Server-sent events, taken apart as their bytes come (the HTML standard, "Server-sent events").

use anyhow::bail;

/// The most bytes of one event; those of the engine are far shorter.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name.
    pub(super) name: String,
    /// Its data.
    pub(super) data: String,
}

/// A stream of them, over the connections that it takes.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// What has come of the line that is coming.
    line: Vec<u8>,
    name: String,
    data: Vec<String>,
    id: Option<String>,
    last_id: Option<String>,
}

impl Events {
    /// Forgets the half of an event that came before the stream broke off.
    pub(super) fn begin_again(&mut self) {
        *self = Self { last_id: self.last_id.take(), ..Self::default() };
    }

    /// The id of the last event that had one.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The events that are whole with these bytes. Fails on one that is too long.
    pub(super) fn take(&mut self, piece: &[u8]) -> anyhow::Result<Vec<Event>> {
        let mut whole = Vec::new();
        for byte in piece {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8_lossy(&line);
                    whole.extend(self.line(line.strip_suffix('\r').unwrap_or(&line)));
                }
                byte => self.line.push(*byte),
            }
            let bytes = self.line.len() + self.data.iter().map(String::len).sum::<usize>();
            if bytes > EVENT_BYTES_MAX {
                bail!("an event of the stream has more than {EVENT_BYTES_MAX} bytes");
            }
        }
        Ok(whole)
    }

    /// Takes a line; an empty one ends an event.
    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            if let Some(id) = self.id.take() {
                self.last_id = Some(id);
            }
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            return (!data.is_empty()).then(|| Event { name, data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push(value.to_owned()),
            "id" => self.id = Some(value.to_owned()),
            // Comments, and the pause before a client comes again.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_their_bytes_are_cut() {
        let bytes = ":hello\n\nevent: ready\nid: 07\nretry: 2000\ndata: {}\n\nevent:delivery\r\ndata: а\r\ndata: b\r\n\r\n";
        for size in [1, 2, 7, 1_000] {
            let mut events = Events::default();
            let pieces = bytes.as_bytes().chunks(size);
            let found: Vec<_> = pieces.flat_map(|piece| events.take(piece).unwrap()).collect();
            let event = |name: &str, data: &str| Event { name: name.to_owned(), data: data.to_owned() };
            assert_eq!(found, [event("ready", "{}"), event("delivery", "а\nb")], "{size}");
            assert_eq!(events.last_id(), Some("07"));
        }
    }

    #[test]
    fn half_an_event_is_forgotten_when_the_stream_begins_again_and_its_place_is_not() {
        let mut events = Events::default();
        events.take(b"id: 1\ndata: x\n\nid: 2\ndata: ha").unwrap();
        events.begin_again();
        assert_eq!(events.last_id(), Some("1"));
        assert_eq!(events.take(b"data: y\n\n").unwrap()[0].data, "y");
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::default();
        assert!(events.take(&vec![b'x'; EVENT_BYTES_MAX + 1]).is_err());
    }
}
