//! Gemini signatures that travelled on thinking go back to the part they belong to
//! (`matrix.md` §6).

use crate::canonical::{Item, Role, Signature, SignaturePlace, Turn};

/// Moves signatures marked for the next call or text there and drops the thinking that carried them:
/// without its signature it may not go back. One whose part is gone becomes detached.
pub(super) fn place_signatures(turns: &mut [Turn]) {
    for turn in turns.iter_mut().filter(|t| t.role == Role::Assistant) {
        let mut at = 0;
        while at < turn.items.len() {
            let (carrier, after) = turn.items[at..].split_at_mut(1);
            if let [Item::Reasoning { signature, .. }] = carrier
                && let Some(travelling) = signature
                && let Some(wanted) = target(travelling.place)
            {
                let home = after.iter_mut().find_map(wanted);
                if let Some(home) = home {
                    *home = Some(Signature {
                        place: SignaturePlace::Here,
                        ..travelling.clone()
                    });
                    turn.items.remove(at);
                    continue;
                }
                travelling.place = SignaturePlace::Detached;
            }
            at += 1;
        }
    }
}

type Slot = fn(&mut Item) -> Option<&mut Option<Signature>>;

/// The signature field of an item of the wanted kind that has none yet.
fn target(place: SignaturePlace) -> Option<Slot> {
    match place {
        SignaturePlace::NextCall => Some(|item| match item {
            Item::Call { signature, .. } if signature.is_none() => Some(signature),
            _ => None,
        }),
        SignaturePlace::NextText => Some(|item| match item {
            Item::Text { signature, .. } if signature.is_none() => Some(signature),
            _ => None,
        }),
        SignaturePlace::Here | SignaturePlace::Detached => None,
    }
}
