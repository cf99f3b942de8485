package timing
import ("testing";"memprobe/mmapheap";"memprobe/layout/addr")
var sink []byte
func BenchmarkX(b *testing.B){
 r,_:=mmapheap.Reserve(mmapheap.Config{}); defer r.Release()
 h,s:=r.Heap(),r.Stack()
 p:=[]byte{1}
 _ = addr.Bytes(0)
 {
 }
 b.Run("pushpop",func(b *testing.B){for i:=0;i<b.N;i++{s.Push(64);s.Pop()}})
 b.Run("pushstorepop",func(b *testing.B){for i:=0;i<b.N;i++{a,_:=s.Push(64);r.Store(a,p);s.Pop()}})
 b.Run("allocfree",func(b *testing.B){for i:=0;i<b.N;i++{a,_:=h.Alloc(64);h.Free(a)}})
 b.Run("allocstorefree",func(b *testing.B){for i:=0;i<b.N;i++{a,_:=h.Alloc(64);r.Store(a,p);h.Free(a)}})
 b.Run("allocbytesfree",func(b *testing.B){for i:=0;i<b.N;i++{a,_:=h.Alloc(64);m,_:=h.Bytes(a);m[0]=1;h.Free(a)}})
 a,_:=h.Alloc(64)
 b.Run("storeheap",func(b *testing.B){for i:=0;i<b.N;i++{r.Store(a,p)}})
 a2,_:=s.Push(64)
 b.Run("storestack",func(b *testing.B){for i:=0;i<b.N;i++{r.Store(a2,p)}})
 for _,n:=range []int{8,64,1024,65536}{ b.Run("make",func(b *testing.B){for i:=0;i<b.N;i++{sink=make([]byte,n);sink[0]=byte(i)}})}
}
