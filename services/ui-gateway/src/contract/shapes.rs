//! The shapes of all bodies and queries, compiled at the start.

use std::{
    any::{TypeId, type_name},
    collections::HashMap,
};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use service_kit::Problem;

use super::{Shape, UnknownForm};

/// A type whose schema says what a request may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    id: TypeId,
    shape: fn() -> Result<Shape, UnknownForm>,
    component: fn(&mut SchemaGenerator) -> Schema,
    inline: fn(&mut SchemaGenerator) -> Schema,
}

impl Declared {
    /// The declaration that a type is.
    pub(crate) fn by<T: JsonSchema + 'static>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            shape: Shape::of::<T>,
            component: SchemaGenerator::subschema_for::<T>,
            inline: T::json_schema,
        }
    }

    /// Its shape.
    pub(crate) fn shape(&self) -> Result<Shape, UnknownForm> {
        (self.shape)()
    }

    /// Its schema, as a reference to a component.
    pub(crate) fn component(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.component)(generator)
    }

    /// Its schema.
    pub(crate) fn inline(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.inline)(generator)
    }
}

/// The shapes of all types that requests are read by.
#[derive(Debug)]
pub(crate) struct Shapes(HashMap<TypeId, Shape>);

impl Shapes {
    /// Compiles the shapes of these types.
    pub(crate) fn compile(types: impl Iterator<Item = Declared>) -> Result<Self, UnknownForm> {
        let shapes = types.map(|of| Ok((of.id, of.shape()?)));
        shapes.collect::<Result<_, _>>().map(Self)
    }

    /// The shape of a type that some route declares.
    pub(crate) fn of<T: 'static>(&self) -> Result<&Shape, Problem> {
        let shape = self.0.get(&TypeId::of::<T>());
        shape.ok_or_else(|| {
            let name = type_name::<T>();
            Problem::internal(format!("no route declares {name}"))
        })
    }
}
