import type { FC } from 'hono/jsx';
import type { Choices } from '../fleet/web/declarations.ts';
import { newPath } from './connections/paths.ts';
import { Badge, type Made, Panel } from './parts.tsx';

/** Reports whether a certificate lacks what it is made with. */
export const lacksConnections = ({ issuers, solvers }: Choices): boolean =>
  issuers.length === 0 || solvers.length === 0;

/** What to do first, where there is no certificate yet. */
export const FirstSteps: FC<Made & { readonly choices: Choices }> = ({ reader: { text, mayAct }, choices }) => {
  const words = text.connections.first;
  const steps = [
    {
      isDone: choices.issuers.length > 0,
      ...{ href: newPath('issuers'), title: words.issuer, about: words.issuerText },
    },
    {
      isDone: choices.solvers.length > 0,
      ...{ href: newPath('solvers'), title: words.solver, about: words.solverText },
    },
    { isDone: false, ...{ href: '/new', title: words.certificate, about: words.certificateText } },
  ];
  const next = steps.find(({ isDone }) => !isDone);
  return (
    <Panel id="first-steps" title={words.title}>
      <p class="muted">{words.text}</p>
      <ol class="choices">
        {steps.map((step) => (
          <li>
            {step === next && mayAct ? <a href={step.href}>{step.title}</a> : step.title}{' '}
            {step.isDone ? <Badge look="good">{words.done}</Badge> : null}
            <span class="muted">{step.about}</span>
          </li>
        ))}
      </ol>
      {mayAct ? null : <p class="hint">{text.onlyLook}</p>}
    </Panel>
  );
};
