import { BASE64, DIGIT, HEX, LOWER_LETTER, UPPER } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { entropy, looksRandom } from '../../validators/entropy.ts';
import { token } from './token.ts';

/** Forty characters that may be an AWS secret access key: mixed, of high entropy, no hash. */
function isAwsSecret(view: View, start: number, end: number): boolean {
  if (end - start !== 40 || !looksRandom(view, start, end)) return false;
  let upper = 0;
  let lower = 0;
  let digits = 0;
  let hex = 0;
  for (let i = start; i < end; i += 1) {
    const byte = view.at(i);
    upper += UPPER[byte] as number;
    lower += LOWER_LETTER[byte] as number;
    digits += DIGIT[byte] as number;
    hex += HEX[byte] as number;
  }
  return upper > 2 && lower > 2 && digits > 0 && hex < 40 && entropy(view, start, end) >= 4;
}

/** The secret that stands near its key id: on the same line or one of the two after it. */
const secretNearId: Verifier = (view, at, found) => {
  const limit = at + 160;
  let lines = 0;
  for (let p = at + 20; p < limit && lines < 3; ) {
    const byte = view.at(p);
    if (byte < 0) return;
    if (byte === 0x0a) lines += 1;
    if (BASE64[byte] === 0) {
      p += 1;
      continue;
    }
    const end = view.run(BASE64, p, 64);
    if (isAwsSecret(view, p, end)) {
      found.add(p, end);
      return;
    }
    p = end;
  }
};

const awsIds = token({
  id: 'aws',
  description: 'AWS access key ids, secret access keys and session tokens',
  source: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html',
  patterns: [
    'AKIA[A-Z2-7]{16}',
    'ASIA[A-Z2-7]{16}',
    'ABIA[A-Z2-7]{16}',
    'ACCA[A-Z2-7]{16}',
    'IQoJb3JpZ2lu[A-Za-z0-9+/=]{100,}',
    'FwoGZXIvYXdz[A-Za-z0-9+/=]{100,}',
    'FQoGZXIvYXdz[A-Za-z0-9+/=]{100,}',
    'amzn\\.mws\\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
    'ABSK[A-Za-z0-9+/]{109,}[=]{0,2}',
    'X-Amz-Signature=([0-9a-f]{64})',
    'bedrock-api-key-[A-Za-z0-9+/=]{40,}',
  ],
});

const aws: Detector = {
  ...awsIds,
  literals: [...(awsIds.literals ?? []), { anchors: ['AKIA', 'ASIA'], verify: secretNearId }],
  keys: [
    {
      phrases: ['secret access key', 'aws secret key', 'aws secret', 'aws secret access key'],
      anchors: ['secret'],
      judge: (view, value) => (isAwsSecret(view, value.start, value.end) ? [value.start, value.end] : null),
    },
    {
      phrases: ['session token', 'security token', 'aws session token'],
      anchors: ['token'],
      judge: (view, value) =>
        value.end - value.start > 100 && looksRandom(view, value.start, value.end)
          ? [value.start, value.end]
          : null,
    },
  ],
};

export const CLOUD: readonly Detector[] = [
  aws,
  token({
    id: 'gcp',
    description: 'Google API keys, OAuth client secrets, access and refresh tokens',
    source: 'https://cloud.google.com/docs/authentication/api-keys',
    patterns: [
      'AIza[\\w-]{35}',
      'ya29\\.[\\w-]{30,}',
      'GOCSPX-[\\w-]{28}',
      '1//0[\\w-]{35,}',
      'APA91b[\\w-]{100,}',
      'AQ\\.Ab[\\w-]{40,}',
    ],
  }),
  token({
    id: 'azure',
    description: 'Azure storage keys, Entra client secrets, SAS signatures, function keys',
    source: 'https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret',
    patterns: [
      '[\\w~.-]{3}7Q~[\\w~.-]{31,34}',
      '[\\w~.-]{3}8Q~[\\w~.-]{31,34}',
      'AccountKey=([A-Za-z0-9+/]{86}==)',
      'SharedAccessKey=([A-Za-z0-9+/]{42,43}[=]{0,2})',
      'sig=([A-Za-z0-9%+/]{43,80}[=]{0,1})',
      '[A-Za-z0-9+/_-]{40,80}AzFu[A-Za-z0-9+/=_-]{4,12}',
      '[A-Za-z0-9]{60,80}AZDO[A-Za-z0-9]{4}',
    ],
  }),
  token({
    id: 'digitalocean',
    description: 'DigitalOcean personal, OAuth and refresh tokens',
    source: 'https://docs.digitalocean.com/reference/api/create-personal-access-token/',
    patterns: ['dop_v1_[0-9a-f]{64}', 'doo_v1_[0-9a-f]{64}', 'dor_v1_[0-9a-f]{64}'],
  }),
  token({
    id: 'cloudflare',
    description: 'Cloudflare Origin CA keys and prefixed API tokens',
    source: 'https://developers.cloudflare.com/fundamentals/api/get-started/',
    patterns: [
      'v1\\.0-[0-9a-f]{24}-[0-9a-f]{146}',
      'cfut_[\\w-]{40,}',
      'cfat_[\\w-]{40,}',
      'cfk_[\\w-]{40,}',
    ],
  }),
  token({
    id: 'alibaba',
    description: 'Alibaba Cloud access key ids',
    source: 'https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair',
    patterns: ['LTAI[A-Za-z0-9]{12,24}'],
  }),
  token({
    id: 'tencent',
    description: 'Tencent Cloud secret ids',
    source: 'https://www.tencentcloud.com/document/product/598/32675',
    patterns: ['AKID[A-Za-z0-9]{32}'],
  }),
  token({
    id: 'heroku',
    description: 'Heroku API tokens',
    source: 'https://devcenter.heroku.com/articles/authentication',
    patterns: ['HRKU-[\\w-]{36,64}'],
  }),
  token({
    id: 'fly',
    description: 'Fly.io tokens',
    source: 'https://fly.io/docs/security/tokens/',
    patterns: [
      'fo1_[\\w-]{43}',
      'fm2_[A-Za-z0-9+/=,_-]{80,}',
      'fm1r_[A-Za-z0-9+/=,_-]{80,}',
      'fm1a_[A-Za-z0-9+/=,_-]{80,}',
    ],
  }),
  token({
    id: 'vault',
    description: 'HashiCorp Vault tokens',
    source: 'https://developer.hashicorp.com/vault/docs/concepts/tokens',
    patterns: ['hvs\\.[\\w-]{20,}', 'hvb\\.[\\w-]{20,}', 'hvr\\.[\\w-]{20,}'],
  }),
  token({
    id: 'terraform',
    description: 'Terraform Cloud tokens',
    source: 'https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens',
    patterns: ['[A-Za-z0-9]{14}\\.atlasv1\\.[\\w=-]{60,70}'],
  }),
  token({
    id: 'databricks',
    description: 'Databricks personal access tokens',
    source: 'https://docs.databricks.com/en/dev-tools/auth/pat.html',
    patterns: ['dapi[0-9a-f]{32}[-]{0,1}\\d{0,1}', 'dose[0-9a-f]{32}[-]{0,1}\\d{0,1}', 'dkea[0-9a-f]{32}'],
  }),
  token({
    id: 'snowflake',
    description: 'Snowflake session and programmatic tokens',
    source: 'https://docs.snowflake.com/en/user-guide/programmatic-access-tokens',
    patterns: ['ver:[123]-hint:[\\w+/=-]{30,}'],
  }),
  token({
    id: 'pulumi',
    description: 'Pulumi access tokens',
    source: 'https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/',
    patterns: ['pul-[0-9a-f]{40}'],
  }),
  token({
    id: 'tailscale',
    description: 'Tailscale keys',
    source: 'https://tailscale.com/kb/1085/auth-keys',
    patterns: ['tskey-[A-Za-z0-9-]{24,}'],
  }),
];
