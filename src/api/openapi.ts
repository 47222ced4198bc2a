import { z } from 'zod';
import {
  Account,
  App,
  AttachInput,
  AttachOutput,
  Authorization,
  Build,
  Collaborator,
  ConfigVars,
  Domain,
  Dyno,
  type Endpoint,
  ErrorBody,
  Formation,
  Health,
  LogSession,
  PlatformStatus,
  Region,
  Release,
  Stack,
} from './contract.ts';

/** Schemas with a name in the document. A row whose response is one of them, or a list of them, refers to it. */
const named: Readonly<Record<string, z.ZodType>> = {
  Account,
  Authorization,
  App,
  AttachInput,
  AttachOutput,
  Build,
  Collaborator,
  ConfigVars,
  Domain,
  Dyno,
  Error: ErrorBody,
  Formation,
  Health,
  LogSession,
  PlatformStatus,
  Region,
  Release,
  Stack,
};

const mediaTypes = { events: 'text/event-stream', text: 'text/plain' } as const;

type Json = Readonly<Record<string, unknown>>;

/** The contract as an OpenAPI 3.1 document (its schemas are JSON Schema 2020-12). */
export function openApiDocument(contract: Readonly<Record<string, Endpoint>>): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, endpoint] of Object.entries(contract)) {
    const method = endpoint.method.toLowerCase();
    paths[endpoint.path] = { ...paths[endpoint.path], [method]: operation(operationId, endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'paas',
      version: '3',
      description: "The platform's API, in the shape of Heroku's Platform API v3.",
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, jsonSchema(schema, 'output')])),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'Any name, the token as password' },
      },
    },
  };
}

function operation(operationId: string, endpoint: Endpoint): Json {
  return {
    operationId,
    summary: endpoint.summary,
    tags: [endpoint.tag],
    security: endpoint.auth === 'none' ? [] : [{ bearer: [] }, { basic: [] }],
    parameters: [
      ...parameters(endpoint.params, 'path'),
      ...parameters(endpoint.query, 'query'),
      ...(endpoint.range ? [rangeParameter(endpoint.range)] : []),
    ],
    ...(endpoint.body
      ? {
          requestBody: {
            required: !endpoint.body.safeParse(undefined).success,
            content: { 'application/json': { schema: jsonSchema(endpoint.body, 'input') } },
          },
        }
      : {}),
    responses: {
      ...(endpoint.stream === 'websocket'
        ? { 101: { description: endpoint.summary } }
        : { [endpoint.status]: { description: endpoint.summary, content: content(endpoint) } }),
      ...(endpoint.range
        ? { 206: { description: 'A page; Next-Range gives the next', content: content(endpoint) } }
        : {}),
      default: { description: 'The error', content: { 'application/json': { schema: ref('Error') } } },
    },
  };
}

function content(endpoint: Endpoint): Json {
  if (endpoint.stream === 'events' || endpoint.stream === 'text') {
    return { [mediaTypes[endpoint.stream]]: { schema: { type: 'string' } } };
  }
  return { 'application/json': { schema: refOrSchema(endpoint.response) } };
}

function refOrSchema(schema: z.ZodType): Json {
  const name = Object.keys(named).find((key) => named[key] === schema);
  if (name !== undefined) return ref(name);
  if (schema instanceof z.ZodArray) return { type: 'array', items: refOrSchema(schema.element as z.ZodType) };
  return jsonSchema(schema, 'output');
}

function parameters(schema: z.ZodObject, where: 'path' | 'query'): readonly Json[] {
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: where,
    required: where === 'path' || !(field as z.ZodType).safeParse(undefined).success,
    schema: jsonSchema(field as z.ZodType, 'input'),
  }));
}

function rangeParameter(properties: readonly string[]): Json {
  const [first] = properties;
  return {
    name: 'Range',
    in: 'header',
    required: false,
    description: `Pages the list by ${properties.join(', ')}`,
    schema: { type: 'string', examples: [`${first} ..; order=desc,max=15`] },
  };
}

function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
