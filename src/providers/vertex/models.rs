//! The models of Vertex (`vertex.md` §5).

use super::super::catalog;
use actors::domain::catalog::ModelInfo;
use protocol::codec::{ModelTraits, ThinkingSupport};
use std::sync::Arc;

/// Imagen: name, name for people, unix seconds of the release.
const IMAGEN: &[(&str, &str, i64)] = &[
    ("imagen-4.0-generate-001", "Imagen 4", 1_750_000_000),
    (
        "imagen-4.0-ultra-generate-001",
        "Imagen 4 Ultra",
        1_750_000_000,
    ),
    (
        "imagen-4.0-fast-generate-001",
        "Imagen 4 Fast",
        1_750_000_000,
    ),
    ("imagen-3.0-generate-002", "Imagen 3", 1_740_000_000),
    (
        "imagen-3.0-fast-generate-001",
        "Imagen 3 Fast",
        1_740_000_000,
    ),
];

/// Everything a project may call.
pub(super) fn all() -> Vec<Arc<ModelInfo>> {
    let gemini = catalog::VERTEX.iter().map(|spec| spec.info("google"));
    gemini
        .chain(IMAGEN.iter().map(imagen))
        .map(Arc::new)
        .collect()
}

fn imagen((id, display, created): &(&'static str, &str, i64)) -> ModelInfo {
    ModelInfo {
        display_name: Some((*display).to_owned()),
        created: *created,
        traits: ModelTraits {
            thinking: Some(ThinkingSupport {
                none: true,
                ..ThinkingSupport::default()
            }),
            vision: Some(false),
            output_modalities: vec!["image".to_owned()],
            ..ModelTraits::default()
        },
        ..ModelInfo::named(*id, "google")
    }
}
