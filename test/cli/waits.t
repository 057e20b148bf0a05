# Profiles of waits: $T/off.waggle and wall.waggle, which test/web/generate makes from
# test/unit/profile/waits_example.h.

# Folded stacks of times are microseconds, of numbers numbers.
$ cp $T/off.waggle $T/wall.waggle .; waggle report off.waggle
conn-1;start_thread;serve;query;row_lock;pthread_mutex_lock;entry_SYSCALL_64_after_hwframe;do_syscall_64;do_futex;futex_wait;schedule;[woken by conn-2];futex_wake;do_syscall_64;pthread_mutex_unlock;row_unlock;query 4100000
conn-2;start_thread;serve;query;read_page;pread64;entry_SYSCALL_64_after_hwframe;do_syscall_64;ext4_file_read_iter;io_schedule 5000000
conn-3;start_thread;serve;query;row_lock;pthread_mutex_lock;entry_SYSCALL_64_after_hwframe;do_syscall_64;do_futex;futex_wait;schedule;[woken by conn-2];futex_wake;do_syscall_64;pthread_mutex_unlock;row_unlock;query 2000000
conn-3;start_thread;serve;query;row_lock;pthread_mutex_lock;entry_SYSCALL_64_after_hwframe;do_syscall_64;do_futex;futex_wait;schedule;[woken by timer] 300000
job;main;crunch 5000000
mariadbd;start_thread;accept_loop;poll;entry_SYSCALL_64_after_hwframe;do_syscall_64;do_sys_poll;schedule 10000000
! 3,763 waits, own CPU 40.0 ms
$ waggle report -q off.waggle --count --class disk
conn-2;start_thread;serve;query;read_page;pread64;entry_SYSCALL_64_after_hwframe;do_syscall_64;ext4_file_read_iter;io_schedule 1000
$ waggle report -q off.waggle --value longest --class lock,disk --keep 'read_page|timer' -U
conn-2;start_thread;serve;query;read_page;pread64 20000
conn-3;start_thread;serve;query;row_lock;pthread_mutex_lock;[woken by timer] 110000

# The class as the last of the sleeper's own frames; wall has it already.
$ waggle report -q off.waggle --annotate --class lock,preempted -U
conn-1;start_thread;serve;query;row_lock;pthread_mutex_lock;[blocked: lock];[woken by conn-2];pthread_mutex_unlock;row_unlock;query 4100000
conn-3;start_thread;serve;query;row_lock;pthread_mutex_lock;[blocked: lock];[woken by conn-2];pthread_mutex_unlock;row_unlock;query 2000000
conn-3;start_thread;serve;query;row_lock;pthread_mutex_lock;[blocked: lock];[woken by timer] 300000
job;main;crunch;[preempted] 4900000
$ waggle report -q wall.waggle --annotate -U >a; waggle report -q wall.waggle -U | cmp - a

# Filters
$ waggle report -q off.waggle --no-idle --keep 'poll|crunch'
job;main;crunch 5000000
$ waggle report -q wall.waggle --class on-cpu
conn-1;start_thread;serve;query;parse 6000000
conn-2;start_thread;serve;query;sort_rows 5000000
job;main;crunch 5000000
$ waggle report -q wall.waggle --class on-cpu,poll --no-idle --keep 'poll|parse'
conn-1;start_thread;serve;query;parse 6000000
$ waggle report wall.waggle --class pol
! waggle: --class: there is no class of waiting 'pol'; did you mean 'poll'?
? 2
$ waggle report wall.waggle --class poll --no-idle
! waggle: --no-idle leaves nothing of --class poll
? 2
$ printf 'app;main;uv_run;uv__io_poll;epoll_pwait 3\napp;main;uv_run;uv__io_poll;on_read;read 5\napp;worker;uv_cond_wait;pthread_cond_wait 7\ngo;runtime.mcall;runtime.park_m;runtime.schedule;runtime.findRunnable;runtime.stopm;futex 9\ngo;main.main;sync.(*Mutex).Lock;futex 11\n' >parks.folded
$ waggle report -q parks.folded --drop-parks libuv
app;main;uv_run;uv__io_poll;on_read;read 5
go;main.main;sync.(*Mutex).Lock;futex 11
go;runtime.mcall;runtime.park_m;runtime.schedule;runtime.findRunnable;runtime.stopm;futex 9
$ waggle report -q parks.folded --drop-parks go,libuv --drop on_read
go;main.main;sync.(*Mutex).Lock;futex 11
$ printf 'j;start_thread;GangWorker::run;GangWorker::loop;PosixSemaphore::wait;futex 3\nj;start_thread;GangWorker::run;GangWorker::loop;G1Task::work;Monitor::wait;futex 5\nj;Thread::run;java.util.concurrent.ThreadPoolExecutor.getTask();Unsafe_Park 7\nj;Thread::run;java.util.concurrent.locks.LockSupport.park();Unsafe_Park 9\nj;JavaThread::run;VMThread::execute;VMThread::wait_until_executed;Monitor::wait;futex 11\n' >java.folded; waggle report -q java.folded --drop-parks java
j;JavaThread::run;VMThread::execute;VMThread::wait_until_executed;Monitor::wait;futex 11
j;Thread::run;java.util.concurrent.locks.LockSupport.park();Unsafe_Park 9
j;start_thread;GangWorker::run;GangWorker::loop;G1Task::work;Monitor::wait;futex 5
$ printf 't;<tokio::runtime::scheduler::multi_thread::worker::Context>::park_internal;<tokio::runtime::driver::Driver>::park;epoll_wait 3\nt;tokio::runtime::blocking::pool::Inner::run;std::sync::condvar::Condvar::wait_timeout;futex 5\nt;tokio::runtime::blocking::pool::Inner::run;app::query;std::sync::condvar::Condvar::wait;futex 7\nt;app::main;tokio::runtime::park::CachedParkThread::block_on;tokio::runtime::park::Inner::park;futex 9\n' >tokio.folded; waggle report -q tokio.folded --drop-parks tokio
t;app::main;tokio::runtime::park::CachedParkThread::block_on;tokio::runtime::park::Inner::park;futex 9
t;tokio::runtime::blocking::pool::Inner::run;app::query;std::sync::condvar::Condvar::wait;futex 7
$ waggle report -q parks.folded --drop-parks vert.x
! waggle: --drop-parks: no parks of 'vert.x' are known
? 2

# What does not add up is not drawn.
$ waggle report off.waggle --value longest -o x.svg; ls x.svg
! waggle: cannot write 'x.svg': the value 'longest' is a maximum and does not add up, so its boxes cannot be drawn; the formats text, folded and json show it
! ls: cannot access 'x.svg': No such file or directory
? 2

# The report
$ waggle report -q --format text off.waggle
off profile on db-1, 10.00 s
26.40 s of waiting on 4 CPUs
|
 share       time      waits       mean    longest  class
 37.9%    10.00 s         10     1.00 s     1.00 s  poll         █████▋
 24.2%     6.40 s      1,503     4.3 ms   110.0 ms  lock         ███▋
 18.9%     5.00 s      1,000     5.0 ms    20.0 ms  disk         ██▉
 18.6%     4.90 s      1,200     4.1 ms    12.0 ms  preempted    ██▊
  0.4%   100.0 ms         50     2.0 ms     4.0 ms  run-queue
|
Where the time was waited
 24.2%  lock in mariadbd: 6.40 s in 1,503 waits, mean 4.3 ms, longest 110.0 ms
        … › serve › query › row_lock › pthread_mutex_lock › futex_wait
 18.9%  disk in mariadbd: 5.00 s in 1,000 waits, mean 5.0 ms, longest 20.0 ms
        start_thread › serve › query › read_page › pread64 › ext4_file_read_iter
 18.6%  preempted in job: 4.90 s in 1,200 waits, mean 4.1 ms, longest 12.0 ms
        main › crunch
  0.4%  run-queue in job: 100.0 ms in 50 waits, mean 2.0 ms, longest 4.0 ms
        main › crunch
 37.9%  in 1 other place, idle
|
How long the waits took in
        … › serve › query › row_lock › pthread_mutex_lock › futex_wait
   32.8 us ..    65.5 us      1,000  ██████████████████████████████████
   65.5 us ..   131.1 us          0
  131.1 us ..   262.1 us          0
  262.1 us ..   524.3 us          0
  524.3 us ..     1.0 ms          0
    1.0 ms ..     2.1 ms          0
    2.1 ms ..     4.2 ms          0
    4.2 ms ..     8.4 ms        400  █████████████▋
    8.4 ms ..    16.8 ms        100  ███▍
   16.8 ms ..    33.6 ms          0
   33.6 ms ..    67.1 ms          3  ▏
|
Locks
 23.1%  0x7f12a0 in mariadbd (500), 2 threads waiting
        6.10 s in 1,500 waits, mean 4.1 ms, longest 45.0 ms
        waits in  … › serve › query › row_lock › pthread_mutex_lock › futex_wait
        woken by  conn-2: query › row_unlock › pthread_mutex_unlock › futex_wake
  1.1%  0x7f00b8 in mariadbd (500), 1 thread waiting
        300.0 ms in 3 waits, mean 100.0 ms, longest 110.0 ms
        waits in  … › serve › query › row_lock › pthread_mutex_lock › futex_wait
        woken by  timer
|
Ledger
3,763 waits recorded; what was lost is not known: the input keeps no account.
waggle itself: 40.0 ms CPU (0.10% of the machine).
$ waggle report -q --format text wall.waggle
wall profile on db-1, 10.00 s
40.00 s of thread time on 4 CPUs
|
 share       time      waits       mean    longest  class
 40.0%    16.00 s                                   on-cpu       ██████
 25.0%    10.00 s          1    10.00 s    10.00 s  poll         ███▊
 12.5%     5.00 s      1,000     5.0 ms    20.0 ms  disk         █▉
 12.2%     4.90 s      1,200     4.1 ms    12.0 ms  preempted    █▉
 10.0%     4.00 s        400    10.0 ms    30.0 ms  lock         █▌
  0.2%   100.0 ms         50     2.0 ms     4.0 ms  run-queue
|
     total on-cpu  ready  block   idle  thread
   10.00 s  50.0%  50.0%   0.0%   0.0%  █████▓▓▓▓▓  job (700)
   10.00 s  60.0%   0.0%  40.0%   0.0%  ██████▒▒▒▒  mariadbd: conn-1 (501)
   10.00 s  50.0%   0.0%  50.0%   0.0%  █████▒▒▒▒▒  mariadbd: conn-2 (502)
   10.00 s   0.0%   0.0%   0.0% 100.0%  ░░░░░░░░░░  mariadbd (500)
|
Where the time was waited
 12.5%  disk in mariadbd: 5.00 s in 1,000 waits, mean 5.0 ms, longest 20.0 ms
        start_thread › serve › query › read_page › pread64 › ext4_file_read_iter
 12.2%  preempted in job: 4.90 s in 1,200 waits, mean 4.1 ms, longest 12.0 ms
        main › crunch
 10.0%  lock in mariadbd: 4.00 s in 400 waits, mean 10.0 ms, longest 30.0 ms
        … › serve › query › row_lock › pthread_mutex_lock › futex_wait
  0.2%  run-queue in job: 100.0 ms in 50 waits, mean 2.0 ms, longest 4.0 ms
        main › crunch
 25.0%  in 1 other place, idle
|
  self  total  function
 37.5%  37.5%  ███▊       parse                                         mariadbd
 31.2%  31.2%  ███▏       crunch                                        mariadbd
 31.2%  31.2%  ███▏       sort_rows                                     mariadbd
|
Ledger
2,654 waits recorded; what was lost is not known: the input keeps no account.
waggle itself: 40.0 ms CPU (0.10% of the machine).

# What the waits count by does not change how long they took.
$ waggle report -q --format text off.waggle >time; waggle report -q --format text --value waits --top 1 off.waggle >waits
$ for f in time waits; do sed -n '/^How long/,/^$/p' $f >$f.long; done; grep -c ' us ' time.long; cmp time.long waits.long
5
$ sed '/^How long/,/^$/d' waits
off profile on db-1, 10.00 s
3,763 waits on 4 CPUs
|
 share       time      waits       mean    longest  class
 39.9%     6.40 s      1,503     4.3 ms   110.0 ms  lock         ██████
 31.9%     4.90 s      1,200     4.1 ms    12.0 ms  preempted    ████▊
 26.6%     5.00 s      1,000     5.0 ms    20.0 ms  disk         ████
  1.3%   100.0 ms         50     2.0 ms     4.0 ms  run-queue    ▎
  0.3%    10.00 s         10     1.00 s     1.00 s  poll
|
Where the time was waited
 39.9%  lock in mariadbd: 6.40 s in 1,503 waits, mean 4.3 ms, longest 110.0 ms
        … › serve › query › row_lock › pthread_mutex_lock › futex_wait
 59.8%  in 3 other places
  0.3%  in 1 other place, idle
|
Locks
 39.9%  0x7f12a0 in mariadbd (500), 2 threads waiting
        6.10 s in 1,500 waits, mean 4.1 ms, longest 45.0 ms
        waits in  … › serve › query › row_lock › pthread_mutex_lock › futex_wait
        woken by  conn-2: query › row_unlock › pthread_mutex_unlock › futex_wake
        and 1 more
|
Ledger
3,763 waits recorded; what was lost is not known: the input keeps no account.
waggle itself: 40.0 ms CPU (0.10% of the machine).
$ waggle report -q --format text --class disk --by nothing off.waggle
off profile of mariadbd (500) on db-1, 10.00 s
5.00 s of waiting on 4 CPUs
|
 share       time      waits       mean    longest  class
100.0%     5.00 s      1,000     5.0 ms    20.0 ms  disk         ███████████████
|
Where the time was waited
100.0%  disk: 5.00 s in 1,000 waits, mean 5.0 ms, longest 20.0 ms
        start_thread › serve › query › read_page › pread64 › ext4_file_read_iter
|
Ledger
1,000 waits recorded; what was lost is not known: the input keeps no account.
waggle itself: 40.0 ms CPU (0.10% of the machine).
$ LC_ALL=C waggle report -q --format text --class run-queue,on-cpu,preempted -p 700 wall.waggle
wall profile of job (700) on db-1, 10.00 s
10.00 s of thread time on 4 CPUs
|
 share       time      waits       mean    longest  class
 50.0%     5.00 s                                   on-cpu       ########
 49.0%     4.90 s      1,200     4.1 ms    12.0 ms  preempted    #######
  1.0%   100.0 ms         50     2.0 ms     4.0 ms  run-queue
|
     total on-cpu  ready  block   idle  thread
   10.00 s  50.0%  50.0%   0.0%   0.0%  #####=====  job (700)
|
Where the time was waited
 49.0%  preempted: 4.90 s in 1,200 waits, mean 4.1 ms, longest 12.0 ms
        main > crunch
  1.0%  run-queue: 100.0 ms in 50 waits, mean 2.0 ms, longest 4.0 ms
        main > crunch
|
  self  total  function
100.0% 100.0%  ########## crunch                                        mariadbd
|
Ledger
1,251 waits recorded; what was lost is not known: the input keeps no account.
waggle itself: 40.0 ms CPU (0.10% of the machine).

# For scripts
$ echo 'import json,sys; w=json.load(sys.stdin)["waits"]; print([(c["class"], c["group"], c["time"], c["waits"], c["longest"]) for c in w["classes"]]); [print(l["process"], l["pid"], l["address"], l["time"], l["waits"], l["threads"], l["waiter"][3], l["woken_by"], l["waker"]) for l in w["locks"]]; p=w["places"][1]; print(p["class"], p["frames"][-1], p["took"]); [print(t["comm"], t["running"], t["ready"], t["blocked"], t["idle"], t["total"]) for t in w["threads"]]' >waits.py
$ waggle report -q --json off.waggle | python3 waits.py
[('lock', 'blocked', 6400000000, 1503, 110000000), ('disk', 'blocked', 5000000000, 1000, 20000000), ('poll', 'idle', 10000000000, 10, 1000000000), ('run-queue', 'ready', 100000000, 50, 4000000), ('preempted', 'ready', 4900000000, 1200, 12000000)]
mariadbd 500 0x7f12a0 6100000000 1500 2 row_lock [woken by conn-2] ['query', 'row_unlock', 'pthread_mutex_unlock', 'do_syscall_64', 'futex_wake']
mariadbd 500 0x7f00b8 300000000 3 1 row_lock [woken by timer] []
lock schedule [[32768, 1000], [4194304, 400], [8388608, 100], [33554432, 3]]
job 0 5000000000 0 0 5000000000
conn-2 0 0 5000000000 0 5000000000
conn-1 0 0 4100000000 0 4100000000
conn-3 0 0 2300000000 0 2300000000
mariadbd 0 0 0 10000000000 10000000000
$ waggle report -q --json wall.waggle | python3 waits.py
[('on-cpu', 'running', 16000000000, 0, 0), ('lock', 'blocked', 4000000000, 400, 30000000), ('disk', 'blocked', 5000000000, 1000, 20000000), ('poll', 'idle', 10000000000, 1, 10000000000), ('run-queue', 'ready', 100000000, 50, 4000000), ('preempted', 'ready', 4900000000, 1200, 12000000)]
on-cpu parse []
job 5000000000 5000000000 0 0 10000000000
conn-1 6000000000 0 4000000000 0 10000000000
conn-2 5000000000 0 5000000000 0 10000000000
mariadbd 0 0 0 10000000000 10000000000
$ waggle report -q --json parks.folded | python3 -c 'import json,sys; print("waits" in json.load(sys.stdin))'
False

# Labels and classes survive other formats and merging.
$ waggle report -q off.waggle -o off.pb.gz; waggle report -q --format text off.pb.gz >a; waggle report -q --format text off.waggle | diff - a
$ waggle report -q --value longest --class lock off.waggle off.waggle -K --by thread
mariadbd (500);conn-1 (501);entry_SYSCALL_64_after_hwframe;do_syscall_64;do_futex;futex_wait;schedule;[woken by conn-2];futex_wake;do_syscall_64 30000
mariadbd (500);conn-3 (503);entry_SYSCALL_64_after_hwframe;do_syscall_64;do_futex;futex_wait;schedule;[woken by conn-2];futex_wake;do_syscall_64 45000
mariadbd (500);conn-3 (503);entry_SYSCALL_64_after_hwframe;do_syscall_64;do_futex;futex_wait;schedule;[woken by timer] 110000

# doc/off.md lists every class with what it means, and no other.
$ sed -n 's/^ROW([A-Z_]*, "\([a-z-]*\)", "\(.*\)", [A-Z]*, "\(.*\)")$/| `\1` | \3 |/p' $T/../../src/profile/waits.def >classes; wc -l <classes; grep '^| `[a-z-]*` | [^|]* |$' $T/../../doc/off.md | diff classes -
19
