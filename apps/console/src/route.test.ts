import { expect, test } from '@jest/globals';
import { linkTo, routeOf } from './route.ts';

test('a link leads to the route it was made from, whatever is in it', () => {
  for (const part of ['a b', 'x/y', '?q', '#h', '%', 'ü', '"><img>']) {
    const { path, query } = routeOf(linkTo(['sessions', part], { text: part, state: '' }));
    expect(path).toEqual(['sessions', part]);
    expect([...query]).toEqual([['text', part]]);
  }
});

test('an empty or broken address is no error', () => {
  expect(routeOf('').path).toEqual([]);
  expect(routeOf('#').path).toEqual([]);
  expect(routeOf('#/sessions/%E0%A4').path).toEqual(['sessions', '%E0%A4']);
  expect(routeOf('#/a?x=1?y').query.get('x')).toBe('1?y');
});
