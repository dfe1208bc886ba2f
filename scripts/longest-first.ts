import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take longest, as measured. Started late, one of them would run alone at the end. */
const longest =
  /test[/](crash|long)[/]|[/](balancer-aws-alb|balancer-test|cli-run|cluster|daemon|deploy-files|deploy-ssh|doctor|disk-postgres|e2e-hooks|e2e-life|faults|forward-rule|guide-replicas|guide-service|import-certbot|import-clients|nodes|preflight|protocol|pages-daemon|scheduled-job|schedulers|stateless|still-old|web-server)[.-]/;

/** The longest files first. In a fresh clone, vitest knows no durations and would sort by size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => longest.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
