import { append, h } from '../element.ts';
import { code, empty, table, time, wide } from '../parts.ts';
import type { Page as List, Policy } from '../records.ts';
import { linkTo } from '../route.ts';
import type { Page } from '../screen.ts';
import { pages } from './search.ts';

const HEADS = ['Policy', 'Version', 'Masks', 'Guards', 'Changed', 'By'];

function rules(value: unknown): string {
  return String(Array.isArray(value) ? value.length : 0);
}

/** The policies in force. */
export const policiesPage: Page = async (screen) => {
  const { api, root, signal } = screen;
  screen.title('Policies');
  append(root, h('h1', {}, 'Policies'));
  const list = table('Policies', HEADS, []);
  const { count, more } = await pages<Policy>(
    list,
    HEADS,
    (cursor) =>
      api.get<List<Policy>>(
        `/v1/policies${cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`}`,
        signal,
      ),
    ({ name, policy, version, createdAt, author }) => [
      h('a', { href: linkTo(['policies', name]) }, name),
      version,
      rules(policy.mask),
      rules(policy.guard),
      time(createdAt),
      author,
    ],
  );
  if (count > 0) append(root, wide(list), more);
  else
    append(
      root,
      empty(
        'There is no policy, so nothing is masked or guarded.',
        'Write one in ',
        code('scrim.yaml'),
        ' and send it with ',
        code('scrim apply -f scrim.yaml'),
        '.',
      ),
    );
};
