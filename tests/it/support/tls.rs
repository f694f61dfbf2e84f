//! TLS in front of a scripted upstream, with a certificate of its own authority.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::listener::Listener;

/// A TLS server that hands decrypted bytes on; it ends when dropped.
pub struct TlsFront {
    listener: Listener,
    authority: String,
}

impl TlsFront {
    /// Starts a server for `host` in front of `to`.
    pub fn start(host: &str, to: SocketAddr) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = Listener::start(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                // A peer that does not trust the certificate, or leaves, is no fault of the server.
                if let Ok(mut socket) = acceptor.accept(socket).await
                    && let Ok(mut plain) = TcpStream::connect(to).await
                {
                    let _ = tokio::io::copy_bidirectional(&mut socket, &mut plain).await;
                }
            }
        });
        Self {
            listener,
            authority: issuer.pem(),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// The certificate of its authority, for `SSL_CERT_FILE`.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}
