import { ALNUM, BASE64URL, byteClass } from '../../scan/bytes.ts';
import type { Detector, Verifier } from '../../scan/detector.ts';
import { startsWord } from '../../scan/pattern.ts';
import { looksRandom } from '../../validators/entropy.ts';
import { token } from './token.ts';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** The first three characters of base64 of a snowflake: two digits and the upper bits of the third. */
const SNOWFLAKES: readonly string[] = Array.from({ length: 90 }, (_, n) => btoa(`${n + 10}0`).slice(0, 3));

const discordTokens = token({
  id: 'discord',
  description: 'Discord webhooks and bot tokens',
  source: 'https://discord.com/developers/docs/reference#authentication',
  patterns: [
    '(https://discord\\.com/api/webhooks/\\d{17,20}/[\\w-]{60,80})',
    '(https://discordapp\\.com/api/webhooks/\\d{17,20}/[\\w-]{60,80})',
    '(https://canary\\.discord\\.com/api/webhooks/\\d{17,20}/[\\w-]{60,80})',
    'Bot ([MNO][\\w-]{22,27}\\.[\\w-]{6}\\.[\\w-]{27,45})',
    'mfa\\.[\\w-]{80,90}',
  ],
});

const JOINT = byteClass('_-');

/** Bot tokens, which no prefix announces: base64 of the bot's id, a time, a signature. */
const botToken: Verifier = (view, at, found) => {
  if (!startsWord(view, at) || JOINT[view.at(at - 1)] === 1) return;
  const id = view.run(ALNUM, at, 30);
  if (id - at < 22 || id - at > 28 || view.at(id) !== 0x2e) return;
  const time = view.run(BASE64URL, id + 1, 8);
  if (time !== id + 7 || view.at(time) !== 0x2e) return;
  const end = view.run(BASE64URL, time + 1, 60);
  if (end - time < 28 || end - time > 50) return;
  if (/^\d{17,20}$/.test(atob(view.text(at, id)))) found.add(at, end);
};

const discord: Detector = {
  ...discordTokens,
  literals: [...(discordTokens.literals ?? []), { anchors: SNOWFLAKES, verify: botToken, exact: true }],
};

/** Tokens of services: chat, mail, payment, monitoring, developer tools. */
export const SERVICES: readonly Detector[] = [
  token({
    id: 'slack',
    description: 'Slack tokens and incoming webhooks',
    source: 'https://api.slack.com/authentication/token-types',
    patterns: [
      ...['a', 'b', 'e', 'o', 'p', 'r', 's', 'c', 'd'].map((kind) => `xox${kind}-[A-Za-z0-9-]{20,}`),
      'xoxe\\.xox[bp]-\\d-[A-Za-z0-9]{100,}',
      'xapp-\\d-[A-Z0-9]{8,14}-\\d{8,16}-[a-z0-9]{40,}',
      '(https://hooks\\.slack\\.com/services/[A-Za-z0-9+/_-]{30,60})',
      '(https://hooks\\.slack\\.com/workflows/[A-Za-z0-9+/_-]{30,80})',
      '(https://hooks\\.slack\\.com/triggers/[A-Za-z0-9+/_-]{30,80})',
    ],
  }),
  discord,
  token({
    id: 'teams',
    description: 'Microsoft Teams and Power Automate webhooks',
    source: 'https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/',
    patterns: [
      '\\.webhook\\.office\\.com/(webhookb2/[\\w@-]{60,90}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36})',
    ],
  }),
  token({
    id: 'telegram',
    description: 'Telegram bot tokens',
    source: 'https://core.telegram.org/bots/features#botfather',
    patterns: ['\\d{8,10}:AA[\\w-]{32,34}'],
    boundary: false,
  }),
  token({
    id: 'stripe',
    description: 'Stripe secret and restricted keys, webhook secrets',
    source: 'https://docs.stripe.com/keys',
    patterns: [
      'sk_live_[A-Za-z0-9]{16,255}',
      'sk_test_[A-Za-z0-9]{16,255}',
      'rk_live_[A-Za-z0-9]{16,255}',
      'rk_test_[A-Za-z0-9]{16,255}',
      'sk_prod_[A-Za-z0-9]{16,255}',
      'whsec_[A-Za-z0-9+/=]{24,}',
    ],
  }),
  token({
    id: 'square',
    description: 'Square access tokens and OAuth secrets',
    source: 'https://developer.squareup.com/docs/build-basics/access-tokens',
    patterns: ['sq0atp-[\\w-]{22}', 'sq0csp-[\\w-]{43}', 'sq0idp-[\\w-]{22}', 'EAAA[\\w-]{60}'],
  }),
  token({
    id: 'shopify',
    description: 'Shopify access tokens and shared secrets',
    source: 'https://shopify.dev/docs/apps/build/authentication-authorization',
    patterns: [
      'shpat_[0-9a-fA-F]{32}',
      'shpca_[0-9a-fA-F]{32}',
      'shppa_[0-9a-fA-F]{32}',
      'shpss_[0-9a-fA-F]{32}',
      'shptka_[0-9a-fA-F]{32}',
    ],
  }),
  token({
    id: 'payments',
    description:
      'Keys of further payment services: PayPal, Razorpay, Flutterwave, Plaid, Adyen, EasyPost, Shippo, Checkout',
    source: 'https://plaid.com/docs/api/',
    patterns: [
      'access_token\\$production\\$[0-9a-z]{16}\\$[0-9a-f]{32}',
      'rzp_live_[A-Za-z0-9]{14}',
      'FLWSECK-[A-Za-z0-9]{12,40}',
      'FLWSECK_TEST-[A-Za-z0-9]{12,40}',
      `access-sandbox-${UUID}`,
      `access-production-${UUID}`,
      `access-development-${UUID}`,
      'AQE[a-z]hmfuXNWTK0Qc[\\w+/=-]{60,}',
      'EZAK[A-Za-z0-9]{54}',
      'EZTK[A-Za-z0-9]{54}',
      'shippo_live_[0-9a-f]{40}',
      'shippo_test_[0-9a-f]{40}',
    ],
  }),
  token({
    id: 'twilio',
    description: 'Twilio API keys',
    source: 'https://www.twilio.com/docs/iam/api-keys',
    // `SK` alone is too short to anchor on; the first hexadecimal digit makes three bytes.
    patterns: [...'0123456789abcdef'].map((digit) => `SK${digit}[0-9a-f]{31}`),
  }),
  token({
    id: 'sendgrid',
    description: 'SendGrid API keys',
    source: 'https://docs.sendgrid.com/ui/account-and-settings/api-keys',
    patterns: ['SG\\.[\\w-]{20,24}\\.[\\w-]{39,50}'],
  }),
  token({
    id: 'mailgun',
    description: 'Mailgun private and signing keys',
    source: 'https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth',
    patterns: ['key-[0-9a-f]{32}'],
  }),
  token({
    id: 'mail',
    description: 'Keys of further mail services: Mailchimp, Brevo, Resend, Postmark-like',
    source: 'https://mailchimp.com/developer/marketing/docs/fundamentals/',
    patterns: [
      '[0-9a-f]{32}-us\\d{1,2}',
      'xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}',
      'xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}',
      're_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}',
    ],
  }),
  token({
    id: 'datadog',
    description: 'Datadog keys with a prefix (others are found by their key)',
    source: 'https://docs.datadoghq.com/account_management/api-app-keys/',
    patterns: ['ddapi_[A-Za-z0-9]{32,}', 'ddapp_[A-Za-z0-9]{32,}'],
  }),
  token({
    id: 'newrelic',
    description: 'New Relic user, insert, browser and license keys',
    source: 'https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/',
    patterns: [
      'NRAK-[A-Z0-9]{27}',
      'NRII-[\\w-]{32}',
      'NRIQ-[\\w-]{32}',
      'NRRA-[0-9a-f]{42}',
      'NRJS-[0-9a-f]{19}',
      '[0-9a-f]{36}NRAL',
      '[0-9A-Z]{36}NRAL',
    ],
  }),
  token({
    id: 'grafana',
    description: 'Grafana service-account, cloud and API keys',
    source: 'https://grafana.com/docs/grafana/latest/administration/service-accounts/',
    patterns: [
      'glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}',
      'glc_[A-Za-z0-9+/=]{32,400}',
      'eyJrIjoi[A-Za-z0-9+/]{60,400}[=]{0,2}',
    ],
  }),
  token({
    id: 'monitoring',
    description: 'Keys of further monitoring services: Sentry, Dynatrace, PostHog, LaunchDarkly, Honeycomb',
    source: 'https://docs.sentry.io/api/auth/',
    patterns: [
      'sntrys_[A-Za-z0-9+/=_]{60,}',
      'sntryu_[0-9a-f]{64}',
      'dt0[a-z]01\\.[A-Z2-7]{24}\\.[A-Z2-7]{64}',
      'phx_[A-Za-z0-9]{40,60}',
      `sdk-${UUID}`,
      `api-${UUID}`,
      'hcaik_[0-9a-z]{58}',
      'hcbik_[0-9a-z]{58}',
    ],
  }),
  token({
    id: 'databases',
    description: 'Tokens of hosted databases: PlanetScale, Supabase, Neon, Upstash-like',
    source: 'https://planetscale.com/docs/concepts/planetscale-api-oauth-applications',
    patterns: [
      'pscale_tkn_[\\w=.-]{32,64}',
      'pscale_pw_[\\w=.-]{32,64}',
      'pscale_oauth_[\\w=.-]{32,64}',
      'sbp_[0-9a-f]{40}',
      'sb_secret_[\\w-]{30,}',
      'napi_[a-z0-9]{60,70}',
      'dp\\.pt\\.[A-Za-z0-9]{40,44}',
      'dp\\.st\\.[A-Za-z0-9]{40,44}',
      'dp\\.st\\.[a-z0-9_]{2,36}\\.[A-Za-z0-9]{40,44}',
      'dp\\.ct\\.[A-Za-z0-9]{40,44}',
      'dp\\.sa\\.[A-Za-z0-9]{40,44}',
    ],
  }),
  token({
    id: 'tools',
    description:
      'Tokens of developer tools: Linear, Notion, Postman, Airtable, Figma, Netlify, Asana-like, Contentful, Prefect, Mapbox, 1Password, age',
    source: 'https://developers.notion.com/docs/authorization',
    patterns: [
      'lin_api_[A-Za-z0-9]{40}',
      'lin_oauth_[0-9a-f]{64}',
      'ntn_[A-Za-z0-9]{43,50}',
      'secret_[A-Za-z0-9]{43}',
      'PMAK-[0-9a-f]{24}-[0-9a-f]{34}',
      'pat[A-Za-z0-9]{14}\\.[0-9a-f]{64}',
      'figd_[\\w-]{38,60}',
      'figo_[\\w-]{38,60}',
      'nfp_[A-Za-z0-9]{36,40}',
      'nfc_[A-Za-z0-9]{36,40}',
      'CFPAT-[\\w-]{43}',
      'pnu_[a-zA-Z0-9]{36}',
      'sk\\.eyJ[\\w-]{60,}\\.[\\w-]{20,}',
      'tk\\.eyJ[\\w-]{60,}\\.[\\w-]{20,}',
      'ops_eyJ[A-Za-z0-9+/=]{200,}',
      'AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}',
      'CLOJARS_[0-9a-z]{60}',
      'dG9rO[A-Za-z0-9+/]{60,}[=]{0,2}',
      'ATLASSIAN_[A-Za-z0-9]{32,}',
      'ubp_[A-Za-z0-9]{32,}',
      'rdme_[a-z0-9]{70}',
      'frio_[\\w=-]{43}',
      'tfp_[A-Za-z0-9_-]{40,}',
      'duffel_live_[\\w=-]{43}',
      'duffel_test_[\\w=-]{43}',
      'shr_[A-Za-z0-9]{40}',
      'apify_api_[A-Za-z0-9]{36}',
      'apex_[A-Za-z0-9]{40}',
      'vercel_[A-Za-z0-9]{24,40}',
      'rnd_[A-Za-z0-9]{32}',
      'pcu_[A-Za-z0-9]{40}',
    ],
  }),
  token({
    id: 'social',
    description: 'Tokens of social networks: Facebook, X, LinkedIn, Dropbox, Twitch-like',
    source: 'https://developers.facebook.com/docs/facebook-login/guides/access-tokens/',
    patterns: [
      'EAACEdEose0cBA[A-Za-z0-9]{20,}',
      'EAA[A-Z][A-Za-z0-9]{80,}',
      'AAAAAAAAAAAAAAAAAAAAA[A-Za-z0-9%]{40,}',
      'sl\\.[A-Za-z0-9_-]{130,}',
      'sl\\.u\\.[A-Za-z0-9_-]{100,}',
      'AQV[\\w-]{200,}',
    ],
    check: (view, _start, end) => looksRandom(view, end - 30, end),
  }),
];
