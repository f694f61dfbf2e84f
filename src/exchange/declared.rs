//! What a client declared, as far as its reply depends on it.

use protocol::canonical::{Request, ToolKind};
use protocol::codec::Declared;
use protocol::names;

/// Reads the declarations of `request`.
pub fn declared(request: &Request) -> Declared {
    let mut declared = Declared::default();
    for tool in &request.tools {
        match &tool.kind {
            ToolKind::Custom { .. } => declared.custom.push(tool.name.clone()),
            ToolKind::WebSearch { .. } => declared.web_search = true,
            ToolKind::Function { .. } | ToolKind::Server { .. } => {}
        }
        if let Some(namespace) = &tool.namespace {
            declared.namespaced.push((
                names::flatten(Some(namespace), &tool.name),
                namespace.clone(),
                tool.name.clone(),
            ));
        }
    }
    declared
}
