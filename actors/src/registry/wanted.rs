//! Who shall have an actor, and under which rules. Pure.

use crate::config::Config;
use crate::domain::health::CoolingRules;
use crate::domain::id::CredentialId;
use crate::domain::record::CredentialRecord;
use crate::port::Providers;
use crate::renewal::Opened;
use crate::supervisor::Wanted;
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everybody who shall have an actor, by id. The first with an id keeps it.
pub(super) fn wanted(
    config: &Config,
    providers: &dyn Providers,
    stored: &BTreeMap<CredentialId, Opened>,
) -> BTreeMap<CredentialId, Wanted> {
    let keys = config.accounts.iter().map(CredentialRecord::from_key);
    let fixed = providers
        .builtin(config)
        .into_iter()
        .chain(keys)
        .map(|record| (Arc::new(record), None));
    let logins = stored
        .values()
        .map(|one| (Arc::clone(&one.record), Some(one.version.clone())));
    let mut wanted = BTreeMap::new();
    for (record, stored) in fixed.chain(logins) {
        let rules = cooling_rules(config, &record);
        wanted.entry(record.id.clone()).or_insert(Wanted {
            record,
            stored,
            rules,
        });
    }
    wanted
}

/// The credential's own settings over the global ones.
pub(super) fn cooling_rules(config: &Config, record: &CredentialRecord) -> CoolingRules {
    let transient = config.cooling.transient;
    CoolingRules {
        disabled: record
            .settings
            .disable_cooling
            .unwrap_or(config.cooling.disabled),
        transient: transient.map(|rest| TimeDelta::from_std(rest).unwrap_or(TimeDelta::MAX)),
    }
}
