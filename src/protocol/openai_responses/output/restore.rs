//! Names of calls as the client declared them: namespaces and custom tools restored (E-93, E-94).

use crate::canonical::CallKind;
use crate::codec::Declared;
use crate::names::flatten;

/// What a call is called towards the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    /// Name without namespace.
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    /// A free text call.
    pub(crate) custom: bool,
    /// The upstream knew the custom tool as a function: its text stands inside JSON.
    pub(crate) wrapped: bool,
}

pub(crate) fn restore(
    declared: &Declared,
    name: String,
    namespace: Option<String>,
    kind: CallKind,
) -> Restored {
    let child = declared
        .namespaced
        .iter()
        .find(|(flat, _, _)| namespace.is_none() && *flat == name);
    let is_declared_custom = |name: &str| declared.custom.iter().any(|custom| custom == name);
    let function = kind == CallKind::Function;
    match child {
        Some((full, space, child)) => {
            let wrapped = function && (is_declared_custom(full) || is_declared_custom(child));
            Restored {
                name: child.clone(),
                namespace: Some(space.clone()),
                custom: wrapped || !function,
                wrapped,
            }
        }
        None => {
            let full = flatten(namespace.as_deref(), &name);
            let wrapped = function && is_declared_custom(&full);
            Restored {
                name,
                namespace,
                custom: wrapped || !function,
                wrapped,
            }
        }
    }
}
