//! What the service wants to know about program and device, with every call (§1).

use super::super::headers::PRODUCT_NAME;
use actors::domain::record::CredentialRecord;
use serde_json::Value;
use std::env::consts::{ARCH, OS};

/// Field of the account's file.
pub(super) const FIELD: &str = "device_id";

/// The headers, true about this program. The name is for the person's list of devices; the name of
/// the machine is nobody's business. `id` is a random number, one for the life of a login.
pub(super) fn headers(id: Option<&str>) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-msh-platform", PRODUCT_NAME.to_owned()),
        ("x-msh-version", env!("CARGO_PKG_VERSION").to_owned()),
        ("x-msh-device-name", PRODUCT_NAME.to_owned()),
        ("x-msh-device-model", format!("{OS} {ARCH}")),
    ];
    headers.extend(id.map(|id| ("x-msh-device-id", id.to_owned())));
    headers
}

/// The number of an account's login; files of other programs may have none.
pub(super) fn id(record: &CredentialRecord) -> Option<&str> {
    let id = record.document.get(FIELD).and_then(Value::as_str)?.trim();
    let legal = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
    legal.then_some(id)
}
