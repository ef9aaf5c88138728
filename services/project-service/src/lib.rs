//! project-service
