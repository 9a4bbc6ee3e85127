//! Logos of clients, which anybody may have made.

/// The longest logo that is shown, in bytes.
pub const LOGO_MAX_BYTES: usize = 64 * 1_024;

/// The media type of a picture, by its first bytes: what its server calls it is not believed. Only
/// kinds in which nothing can run.
#[must_use]
pub fn media_type(picture: &[u8]) -> Option<&'static str> {
    match picture {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_in_which_nothing_runs_are_known() {
        for (picture, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg")),
            (b"GIF89a\x01\0", Some("image/gif")),
            (b"GIF87a\x01\0", Some("image/gif")),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x24\0\0\0WAVEfmt ", None),
            (b"GIF88a", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", None),
            (b"<html>", None),
            (b"\x89PNG", None),
            (b"", None),
        ] {
            assert_eq!(media_type(picture), expected, "{}", String::from_utf8_lossy(picture));
        }
    }
}
