import { documentSchema, type ScrimDocument } from '@scrim/model';

/** The sample's connections and policies: what a user's own scrim.yaml would say. */
export function sceneDocument(target: {
  host: string;
  port: number;
  user: string;
  password: string;
}): ScrimDocument {
  return documentSchema.parse({
    apiVersion: 'scrim/v1',
    connections: [
      {
        name: 'shop',
        protocol: 'postgres',
        target: { host: target.host, port: target.port, database: 'shop', tls: 'disable' },
        credential: { username: target.user, password: { value: target.password } },
        labels: { env: 'prod' },
      },
    ],
    policies: [
      {
        name: 'production',
        match: { labels: { env: 'prod' }, groups: ['agents', 'engineers'] },
        mask: [
          { column: 'customers.ssn', with: 'redact' },
          { column: 'payments.card_number', with: { partial: { keepLast: 4 } } },
          { detect: ['secrets', 'pii.email', 'pii.card'], with: 'redact' },
        ],
        guard: [
          {
            when: { sql: { statements: ['drop_table', 'drop_database', 'truncate'] } },
            do: 'block',
            reason: 'no destructive DDL',
          },
          {
            when: { sql: { unbounded: ['update', 'delete'] } },
            do: 'hold',
            reason: 'it touches every row',
          },
        ],
        approve: { by: ['dba'], quorum: 1, expires: '10m' },
      },
    ],
  });
}
