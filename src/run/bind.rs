//! The address of the server, and its certificate.

use super::RunError;
use actors::config::Config;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

/// Binds the configured address; an empty host means every interface, both families.
pub fn bind(config: &Config) -> Result<TcpListener, RunError> {
    let (host, port) = (&config.server.host, config.server.port);
    let bound = if host.is_empty() {
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
    } else {
        TcpListener::bind((host.trim_matches(['[', ']']), port))
    };
    bound.map_err(|cause| {
        let fix = match cause.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program uses it (is the daemon running already?); stop it or change `port`"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need privileges; change `port`"
            }
            _ => "check `host` and `port`",
        };
        RunError::Bind {
            address: format!("{host}:{port}"),
            cause,
            fix,
        }
    })
}

/// What the server shows to clients that want TLS.
pub fn server_tls(cert: &Path, key: &Path) -> Result<rustls::ServerConfig, RunError> {
    let unusable = |what: &Path, error: &dyn std::fmt::Display| {
        RunError::Tls(format!("{}: {error}", what.display()))
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(cert, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, private))
        .map_err(|error| unusable(cert, &error))
}
