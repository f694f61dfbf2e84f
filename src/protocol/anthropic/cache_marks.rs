//! Rules for `cache_control` marks: at most four in a request, and none of an hour behind one of
//! five minutes (`anthropic-messages.md` §3, E-190).

/// Most marks the API takes.
pub(super) const MAX_MARKS: usize = 4;

/// Where a mark stands. In the order in which the API reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Tools,
    System,
    Messages,
    /// On the request: it stands for the last block of all.
    Request,
}

/// A mark as the client set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) place: Place,
    /// True for a life of one hour.
    pub(super) hour: bool,
}

/// What becomes of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    /// Stays with the usual five minutes.
    Shorten,
    Remove,
}

/// The fate of each mark; `marks` in the order of the API: tools, system, messages, request.
///
/// Surplus goes from the system text and the tools first, of which the last mark covers the others,
/// then from the oldest messages.
pub(super) fn settle(marks: &[Mark]) -> Vec<Fate> {
    let mut fates = vec![Fate::Keep; marks.len()];
    let mut surplus = marks.len().saturating_sub(MAX_MARKS);
    for place in [Place::System, Place::Tools] {
        let last = marks.iter().rposition(|mark| mark.place == place);
        drop_where(marks, &mut fates, &mut surplus, |n, mark| {
            mark.place == place && Some(n) != last
        });
    }
    drop_where(marks, &mut fates, &mut surplus, |_, mark| {
        mark.place == Place::Messages
    });
    let mut short_seen = false;
    for (mark, fate) in marks.iter().zip(&mut fates) {
        if *fate == Fate::Remove {
            continue;
        }
        if !mark.hour {
            short_seen = true;
        } else if short_seen {
            *fate = Fate::Shorten;
        }
    }
    fates
}

fn drop_where(
    marks: &[Mark],
    fates: &mut [Fate],
    surplus: &mut usize,
    goes: impl Fn(usize, &Mark) -> bool,
) {
    for (n, (mark, fate)) in marks.iter().zip(fates).enumerate() {
        if *surplus > 0 && goes(n, mark) {
            *fate = Fate::Remove;
            *surplus -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `t` tools, `s` system, `m` messages, `r` request; capital letters live an hour. The result has
    /// a letter for what stays, in its new life, and `-` for what goes.
    #[track_caller]
    fn check(marks: &str, want: &str) {
        let letters: Vec<char> = marks.chars().collect();
        let marks: Vec<Mark> = letters
            .iter()
            .map(|letter| Mark {
                place: match letter.to_ascii_lowercase() {
                    't' => Place::Tools,
                    's' => Place::System,
                    'm' => Place::Messages,
                    _ => Place::Request,
                },
                hour: letter.is_ascii_uppercase(),
            })
            .collect();
        let got: String = settle(&marks)
            .into_iter()
            .zip(letters)
            .map(|(fate, letter)| match fate {
                Fate::Keep => letter,
                Fate::Shorten => letter.to_ascii_lowercase(),
                Fate::Remove => '-',
            })
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn e190_at_most_four_marks_the_last_ones_of_each_kind() {
        check("tsmm", "tsmm");
        check("tssmm", "t-smm");
        check("ttssmm", "-t-smm");
        check("tsmmmm", "ts--mm");
        check("mmmmm", "-mmmm");
        check("ttttt", "-tttt");
        check("tsmmr", "ts-mr");
    }

    #[test]
    fn e190_no_hour_behind_five_minutes() {
        check("TSmM", "TSmm");
        check("tSM", "tsm");
        check("TSMm", "TSMm");
        check("mR", "mr");
    }

    #[test]
    fn a_removed_short_mark_shortens_nothing() {
        check("Ts-".trim_end_matches('-'), "Ts");
        check("sSMMM", "-SMMM");
    }
}
