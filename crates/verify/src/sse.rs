//! Reads server-sent events (WHATWG HTML, section 9.2.6) from chunks of bytes, within bounds.

/// The longest line, and the most data that one event may carry, in bytes. Events here are small
/// JSON objects; whatever is longer is no event of ours.
const MAX_BYTES: usize = 64 * 1024;

/// One event. `id` and `retry` fields are skipped: the sequence number stands in the data, and how
/// long to wait is our own decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The name; `message` if the event has none.
    pub(crate) event: String,
    /// The data lines, joined by line feeds.
    pub(crate) data: String,
}

/// Why a stream cannot be read on. The parser is of no use afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    #[error("a line or the data of an event is longer than the limit")]
    TooLong,
    #[error("a line is not UTF-8")]
    NotUtf8,
}

/// What has been read of a stream so far.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return, so a line feed now belongs to it.
    after_return: bool,
    past_first_line: bool,
    event: String,
    data: Option<String>,
}

impl Parser {
    /// Takes the next bytes and returns the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, SseError> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => frames.extend(self.end_line()?),
                _ if self.line.len() >= MAX_BYTES => return Err(SseError::TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(frames)
    }

    fn end_line(&mut self) -> Result<Option<Frame>, SseError> {
        let line = std::mem::take(&mut self.line);
        let mut text = str::from_utf8(&line).map_err(|_| SseError::NotUtf8)?;
        if !std::mem::replace(&mut self.past_first_line, true) {
            text = text.strip_prefix('\u{feff}').unwrap_or(text);
        }
        let frame = if text.is_empty() { self.end_event() } else { self.field(text)? };
        // The buffer is used again: a heartbeat a second must not allocate for each line.
        self.line = line;
        self.line.clear();
        Ok(frame)
    }

    fn field(&mut self, text: &str) -> Result<Option<Frame>, SseError> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                let data = match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data
                    }
                    none => none.insert(String::new()),
                };
                if data.len() + value.len() > MAX_BYTES {
                    return Err(SseError::TooLong);
                }
                data.push_str(value);
            }
            _ => {}
        }
        Ok(None)
    }

    fn end_event(&mut self) -> Option<Frame> {
        let event = std::mem::take(&mut self.event);
        let data = self.data.take()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Frame { event, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\nid: 43\nevent: revoked\ndata: {\"seq\":43}\n\n\
        event:heartbeat\r\ndata:{\"seq\":43}\r\n\r\nretry: 10\rdata: a\rdata:  b\r\r\
        event: nothing\n\ndata\n\nignored: ü\ndata: ü\n\ndata: cut";

    fn frame(event: &str, data: &str) -> Frame {
        Frame { event: event.to_owned(), data: data.to_owned() }
    }

    fn expected() -> Vec<Frame> {
        vec![
            frame("revoked", "{\"seq\":43}"),
            frame("heartbeat", "{\"seq\":43}"),
            frame("message", "a\n b"),
            frame("message", ""),
            frame("message", "ü"),
        ]
    }

    #[test]
    fn every_split_into_two_chunks_reads_the_same() {
        let bytes = STREAM.as_bytes();
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            let mut parser = Parser::default();
            let mut frames = parser.push(head).expect("head");
            frames.extend(parser.push(tail).expect("tail"));
            assert_eq!(frames, expected(), "split at {at}");
        }
    }

    #[test]
    fn single_bytes_read_the_same() {
        let mut parser = Parser::default();
        let frames: Vec<Frame> = STREAM
            .as_bytes()
            .iter()
            .flat_map(|byte| parser.push(&[*byte]).expect("one byte"))
            .collect();
        assert_eq!(frames, expected());
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        let longest = format!("data:{}\n\n", "x".repeat(MAX_BYTES - "data:".len()));
        assert_eq!(Parser::default().push(longest.as_bytes()).map(|frames| frames.len()), Ok(1));
        let longer = format!("data:{}\n\n", "x".repeat(MAX_BYTES - "data:".len() + 1));
        assert_eq!(Parser::default().push(longer.as_bytes()), Err(SseError::TooLong));
    }

    #[test]
    fn many_data_lines_are_bounded_too() {
        let line = format!("data:{}\n", "x".repeat(1024));
        let mut parser = Parser::default();
        let outcome = (0..65).try_for_each(|_| parser.push(line.as_bytes()).map(drop));
        assert_eq!(outcome, Err(SseError::TooLong));
    }

    #[test]
    fn broken_utf8_is_refused() {
        assert_eq!(Parser::default().push(b"data: \xff\n\n"), Err(SseError::NotUtf8));
    }
}
