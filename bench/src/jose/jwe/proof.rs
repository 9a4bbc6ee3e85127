//! Nobody is timed who does less than the others: each side reads what the others write, and
//! refuses it when it was changed.

use super::PRIMITIVE;
use super::side::Side;

pub(super) fn check(sides: &[Side], plaintext: &[u8]) -> Result<(), String> {
    for side in sides {
        let name = side.name;
        let token = (side.encrypt)().map_err(|reason| format!("{name} can't encrypt: {reason}"))?;
        // The primitives write no tokens.
        if name == PRIMITIVE {
            continue;
        }
        for reader in sides {
            let read = (reader.decrypt)(&token);
            let read = read.map_err(|reason| format!("{} reads {name}: {reason}", reader.name))?;
            if read != plaintext {
                return Err(format!("{} reads something else from {name}", reader.name));
            }
            for part in [0, 3, 4] {
                if (reader.decrypt)(&changed(&token, part)).is_ok() {
                    return Err(format!("{} accepts a changed part {part}", reader.name));
                }
            }
        }
    }
    Ok(())
}

/// Another character in the middle of a part.
fn changed(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let text = &mut parts[part];
    let middle = text.len() / 2;
    let other = if text[middle..].starts_with('A') { "B" } else { "A" };
    text.replace_range(middle..=middle, other);
    parts.join(".")
}
