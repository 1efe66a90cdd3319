import type { Actor, Role } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import { notFound } from '../../http/problem.ts';
import { recordAudit } from '../audit/record.ts';
import type { RoleBindingView } from './schema.ts';

/** Which groups have which role. Takes effect with the next request. */
export interface RoleBindings {
  list(): Promise<RoleBindingView[]>;
  add(actor: Actor, binding: RoleBindingView): Promise<RoleBindingView>;
  remove(actor: Actor, binding: RoleBindingView): Promise<void>;
}

export function createRoleBindings({ db }: Pick<Context, 'db'>): RoleBindings {
  const { prisma } = db;
  const resource = ({ role, group }: RoleBindingView) => `role-binding/${role}/${group}`;
  return {
    async list() {
      const rows = await prisma.roleBinding.findMany({ orderBy: [{ role: 'asc' }, { group: 'asc' }] });
      return rows.map(({ group, role }) => ({ group, role: role as Role }));
    },
    add: (actor, binding) =>
      prisma.$transaction(async (tx) => {
        const { count } = await tx.roleBinding.createMany({ data: [binding], skipDuplicates: true });
        if (count > 0)
          await recordAudit(tx, actor, {
            action: 'role-binding.create',
            resource: resource(binding),
            after: binding,
          });
        return binding;
      }),
    remove: (actor, binding) =>
      prisma.$transaction(async (tx) => {
        const { count } = await tx.roleBinding.deleteMany({ where: binding });
        if (count === 0) throw notFound('role binding', `${binding.role}/${binding.group}`);
        await recordAudit(tx, actor, {
          action: 'role-binding.delete',
          resource: resource(binding),
          before: binding,
        });
      }),
  };
}
