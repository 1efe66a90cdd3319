import type { Detector } from '../../scan/detector.ts';
import { pattern } from '../../scan/pattern.ts';
import type { View } from '../../scan/view.ts';
import { looksRandom } from '../../validators/entropy.ts';
import { token } from './token.ts';

/** An `sk-` key of a vendor not known by a longer prefix: random, with digits, not a style sheet's class. */
function isSecretKey(view: View, start: number, end: number): boolean {
  if (!looksRandom(view, start, end)) return false;
  const text = view.text(start + 3, Math.min(end, start + 200));
  const digits = text.match(/\d/g)?.length ?? 0;
  return digits >= 3 && !/^[a-z]+-[a-z]+/.test(text);
}

const openai = token({
  id: 'openai',
  description: 'OpenAI API keys, and `sk-` keys of vendors that follow its form',
  source: 'https://platform.openai.com/docs/api-reference/authentication',
  patterns: [
    'sk-proj-[\\w-]{40,}',
    'sk-svcacct-[\\w-]{40,}',
    'sk-admin-[\\w-]{40,}',
    'sk-None-[\\w-]{40,}',
    'sess-[A-Za-z0-9]{40}',
  ],
});

export const AI: readonly Detector[] = [
  {
    ...openai,
    literals: [
      ...(openai.literals ?? []),
      ...['sk-[\\w-]{30,}'].map((source) => {
        const compiled = pattern(source, { check: isSecretKey });
        return { anchors: [compiled.anchor], verify: compiled.verify };
      }),
    ],
  },
  token({
    id: 'anthropic',
    description: 'Anthropic API, admin and OAuth keys',
    source: 'https://docs.anthropic.com/en/api/getting-started',
    patterns: ['sk-ant-[a-z]{3,6}\\d{2}-[\\w-]{60,}'],
    rank: 92,
  }),
  token({
    id: 'openrouter',
    description: 'OpenRouter keys',
    source: 'https://openrouter.ai/docs/api-reference/authentication',
    patterns: ['sk-or-v1-[0-9a-f]{64}'],
    rank: 92,
  }),
  token({
    id: 'huggingface',
    description: 'Hugging Face user and organisation tokens',
    source: 'https://huggingface.co/docs/hub/security-tokens',
    patterns: ['hf_[A-Za-z0-9]{30,40}', 'api_org_[A-Za-z0-9]{34}'],
  }),
  token({
    id: 'groq',
    description: 'Groq keys',
    source: 'https://console.groq.com/docs/quickstart',
    patterns: ['gsk_[A-Za-z0-9]{48,60}'],
  }),
  token({
    id: 'ai',
    description:
      'Keys of further AI services: xAI, Replicate, Perplexity, Pinecone, LangSmith, Tavily, Fireworks, ElevenLabs',
    source: 'https://docs.x.ai/docs/overview',
    patterns: [
      'xai-[A-Za-z0-9_]{70,90}',
      'r8_[A-Za-z0-9]{37}',
      'pplx-[A-Za-z0-9]{40,60}',
      'pcsk_[A-Za-z0-9_]{50,90}',
      'lsv2_pt_[0-9a-f]{32}_[0-9a-f]{10}',
      'lsv2_sk_[0-9a-f]{32}_[0-9a-f]{10}',
      'tvly-[A-Za-z0-9-]{30,50}',
      'fw_[A-Za-z0-9]{24}',
      'sk_[0-9a-f]{48}',
      'nvapi-[\\w-]{60,70}',
      'jina_[\\w-]{50,70}',
      'fc-[0-9a-f]{32}',
      'voyage-[A-Za-z0-9_-]{40,}',
      'pa-[A-Za-z0-9_-]{43}',
    ],
  }),
];
